#include "translate/level/source.hpp"

#include "definition/stream_table.hpp"
#include "pg/relation_name.hpp"
#include "pg/versions/generated_columns.hpp"
#include "pg/versions/heaps.hpp"
#include "storage/layout.hpp"
#include "storage/storage.hpp"
#include "translate/check/refusal.hpp"

extern "C" {
#include "access/genam.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "commands/defrem.h"
#include "foreign/fdwapi.h"
#include "foreign/foreign.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
}

#include <algorithm>

namespace pgtrickle::translate {

namespace {

struct RelationFacts {
    const char *name; /* quoted and qualified */
    char kind;
    bool is_stream_table;
    bool is_compared;
    const char *foreign_leaf; /* a partition or child that is a foreign table, or nullptr */
    const char *child;        /* of a stream table, or nullptr */
};

/* The functions from here to facts_of() are PostgreSQL frames. */

bool is_stream_table(Oid relid)
{
    const ForeignServer *server = GetForeignServer(GetForeignServerIdByRelId(relid));
    return strcmp(GetForeignDataWrapper(server->fdwid)->fdwname, "pgtrickle_fdw") == 0;
}

const char *foreign_leaf_of(Oid relid)
{
    ListCell *cell;

    foreach (cell, find_all_inheritors(relid, AccessShareLock, nullptr)) {
        const Oid leaf = lfirst_oid(cell);
        if (get_rel_relkind(leaf) == RELKIND_FOREIGN_TABLE)
            return quoted_relation_name(leaf);
    }
    return nullptr;
}

RelationFacts facts_of(Oid relid)
{
    RelationFacts facts = {};
    facts.name = quoted_relation_name(relid);
    facts.kind = get_rel_relkind(relid);
    if (facts.kind == RELKIND_PARTITIONED_TABLE || facts.kind == RELKIND_RELATION)
        facts.foreign_leaf = foreign_leaf_of(relid);
    else if (facts.kind == RELKIND_FOREIGN_TABLE)
        facts.is_stream_table = is_stream_table(relid);
    List *children = facts.is_stream_table ? find_inheritance_children(relid, AccessShareLock) : NIL;
    if (children != NIL)
        facts.child = quoted_relation_name(linitial_oid(children));
    facts.is_compared = definition::is_compared(relid);
    return facts;
}

void refuse_kind(const RelationFacts &facts)
{
    const std::string name = facts.name;
    if (facts.kind == RELKIND_SEQUENCE)
        refuse("sequence " + name, "Changes of a sequence cannot be captured.", use_a_table);
    if (facts.foreign_leaf != nullptr)
        refuse((facts.kind == RELKIND_PARTITIONED_TABLE ? "partition " : "child ") + std::string(facts.foreign_leaf) +
                   " of " + name,
               "Changes of a foreign table cannot be captured.", use_a_table);
    if (facts.child != nullptr)
        refuse("child " + std::string(facts.child) + " of stream table " + name,
               "The changes of a stream table are those of its own rows.", "Use UNION ALL of both.");
}

/* The user mapping that applies is the view owner's, but maintenance statements run as the stream table's
 * owner. */
void refuse_other_reader(const std::string &name)
{
    refuse("foreign table " + name + " in another role's view",
           "It would be read with the user mapping of the stream table's owner.",
           "Read the foreign table itself, or use refresh_mode 'FULL'.");
}

/* A delta has the columns of its source, under their names, and the weight. */
void refuse_weight(Oid relid, AttrNumber column)
{
    if (column > 0 && call([=] { return strcmp(get_attname(relid, column, false), "pgt_weight") == 0; }))
        refuse("column named pgt_weight", "The weights of captured changes have this name.",
               "Rename the column, or use refresh_mode 'FULL'.");
}

} // namespace

int Sources::add(const RangeTblEntry *entry, Oid read_by, const std::set<AttrNumber> &used)
{
    const Oid relid = entry->relid;
    const Oid read_as = read_by == owner_ ? InvalidOid : read_by;
    const bool is_only = !entry->inh && entry->relkind == RELKIND_RELATION;
    size_t number = 0;

    if (!entry->inh && entry->relkind == RELKIND_PARTITIONED_TABLE)
        refuse("ONLY of a partitioned table", "It has no rows of its own.", "Remove ONLY.");
    while (number < sources_.size() && (sources_[number].relid != relid || sources_[number].is_only != is_only))
        number++;
    if (number == sources_.size()) {
        const RelationFacts facts = call([&] { return facts_of(relid); });
        refuse_kind(facts);
        sources_.push_back({relid, {}, facts.is_stream_table, is_only, facts.is_compared, false});
        columns_.emplace_back();
    }
    if (sources_[number].is_compared && OidIsValid(read_as))
        refuse_other_reader(call([&] { return quoted_relation_name(relid); }));
    if (used.contains(TableOidAttributeNumber) && entry->relkind != RELKIND_RELATION &&
        entry->relkind != RELKIND_PARTITIONED_TABLE)
        refuse("system column", "The tableoid of a relation that is not a table is not maintained.",
               "Remove the column.");
    sources_[number].is_read_by_owner |= is_read_by_owner_;
    columns_[number].insert(used.begin(), used.end());
    if (columns_[number].empty())
        columns_[number].insert(cheapest_column(relid));
    for (AttrNumber column : columns_[number])
        refuse_weight(relid, column);
    if (is_only)
        columns_[number].insert(TableOidAttributeNumber);
    scanned_.emplace_back(number, columns_[number].size());
    return static_cast<int>(number);
}

namespace {

/* Any number of rows may have a NULL in a unique index. PostgreSQL frame. */
bool is_key_within(Relation relation, const Form_pg_index index, bool has_terms, const std::set<AttrNumber> &columns)
{
    if (!index->indisunique || !index->indisvalid || has_terms)
        return false;
    for (int i = 0; i < index->indnkeyatts; i++) {
        const AttrNumber column = index->indkey.values[i];
        const bool has_one_null = is_never_null(RelationGetDescr(relation), column) || index->indnullsnotdistinct;
        if (!columns.contains(column) || !has_one_null)
            return false;
    }
    return true;
}

/* Whether the values of each column are equal in the index whenever they are equal by their type and collation: an
 * index may have another collation, or an operator class with another equality. PostgreSQL frame. */
bool has_equality_of_columns(Relation relation, Relation index)
{
    for (int i = 0; i < IndexRelationGetNumberOfKeyAttributes(index); i++) {
        Form_pg_attribute column = TupleDescAttr(RelationGetDescr(relation), index->rd_index->indkey.values[i] - 1);
        const Oid usual = GetDefaultOpClass(column->atttypid, index->rd_rel->relam);
        if (index->rd_indcollation[i] != column->attcollation || !OidIsValid(usual) ||
            index->rd_opfamily[i] != get_opclass_family(usual))
            return false;
    }
    return true;
}

/* The columns of a key, and whether no two rows have one key at any time. */
struct SourceKey {
    List *columns;
    bool is_enforced;
};

/* Returns the columns of the best unique index: the primary key, or one of few columns. An index of an inheritance
 * parent does not cover its children. PostgreSQL frame. */
SourceKey best_key(Oid relid, const std::set<AttrNumber> &columns, bool is_only)
{
    Relation relation = table_open(relid, AccessShareLock);
    const bool has_other_rows =
        !is_only && relation->rd_rel->relkind == RELKIND_RELATION && relation->rd_rel->relhassubclass;
    List *best = NIL;
    bool is_best_primary = false, is_enforced = false;
    ListCell *cell;
    foreach (cell, RelationGetIndexList(relation)) {
        Relation index = index_open(lfirst_oid(cell), AccessShareLock);
        const Form_pg_index form = index->rd_index;
        /* To get the expressions would evaluate them. */
        const bool has_terms = !heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, nullptr) ||
                               !heap_attisnull(index->rd_indextuple, Anum_pg_index_indexprs, nullptr);
        if (is_key_within(relation, form, has_terms, columns) && !is_best_primary &&
            (form->indisprimary || best == NIL || form->indnkeyatts < list_length(best))) {
            best = NIL;
            for (int i = 0; i < form->indnkeyatts; i++)
                best = lappend_int(best, form->indkey.values[i]);
            is_best_primary = form->indisprimary;
            is_enforced = form->indimmediate && !has_other_rows && has_equality_of_columns(relation, index);
        }
        index_close(index, NoLock);
    }
    table_close(relation, NoLock);
    return {best, is_enforced};
}

/* Returns the key of the rows of a stream table, by which they are found and which its query determines. PostgreSQL
 * frame. */
SourceKey key_of_storage(Oid relid, const std::set<AttrNumber> &columns)
{
    const Oid heap = storage::storage_of(relid);
    AttrNumber columns_of_key[INDEX_MAX_KEYS];
    const int count = OidIsValid(heap) ? storage::key_of_rows(heap, columns_of_key) : 0;
    List *key = NIL;
    for (int i = 0; i < count; i++) {
        if (!columns.contains(columns_of_key[i]))
            return {NIL, false};
        key = lappend_int(key, columns_of_key[i]);
    }
    return {key, false};
}

/* Returns a unique index of the relation, preferably the primary key, or the key of a stream table; without columns if
 * it has none on columns that are all among `columns`. PostgreSQL frame. */
SourceKey key_of(const SourceRef &source, const std::set<AttrNumber> &columns)
{
    return source.is_stream_table ? key_of_storage(source.relid, columns)
                                  : best_key(source.relid, columns, source.is_only);
}

} // namespace

engine::PlanPtr Sources::plan_of(int source, std::vector<engine::Column> columns)
{
    const int count = static_cast<int>(columns.size());
    const std::set<AttrNumber> &read = columns_[source];
    const SourceKey key = call([&] { return key_of(sources_[source], read); });
    std::vector<int> places;
    for (int i = 0; i < list_length(key.columns); i++) {
        const auto attribute = static_cast<AttrNumber>(list_nth_int(key.columns, i));
        places.push_back(static_cast<int>(std::distance(read.begin(), read.find(attribute))));
    }
    engine::PlanPtr scan = engine::scan(source, std::move(columns), std::move(places), key.is_enforced);
    if (!sources_[source].is_compared)
        return scan;
    auto &known = copies_[{source, count}];
    if (!known)
        known = engine::copy(std::move(scan), engine::CopyReason::compared);
    return known;
}

bool Sources::needs_another_pass() const
{
    return std::any_of(scanned_.begin(), scanned_.end(),
                       [&](const auto &scan) { return scan.second != columns_[scan.first].size(); });
}

std::vector<SourceRef> Sources::result() const
{
    std::vector<SourceRef> sources = sources_;
    for (size_t i = 0; i < sources.size(); i++)
        sources[i].columns.assign(columns_[i].begin(), columns_[i].end());
    return sources;
}

AttrNumber cheapest_column(Oid relid)
{
    const AttrNumber column = call([&] {
        Relation relation = table_open(relid, AccessShareLock);
        TupleDesc descriptor = RelationGetDescr(relation);
        AttrNumber best = InvalidAttrNumber;
        int best_length = 0;
        for (int i = 0; i < descriptor->natts; i++) {
            Form_pg_attribute attribute = TupleDescAttr(descriptor, i);
            const int length = attribute->attlen > 0 ? attribute->attlen : 1000;
            if (!attribute->attisdropped && !is_virtual(attribute) &&
                (best == InvalidAttrNumber || length < best_length)) {
                best = attribute->attnum;
                best_length = length;
            }
        }
        table_close(relation, NoLock);
        return best;
    });
    if (column == InvalidAttrNumber)
        refuse("table without columns", "Its rows cannot be distinguished.", use_full);
    return column;
}

} // namespace pgtrickle::translate
