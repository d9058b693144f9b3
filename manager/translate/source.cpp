#include "translate/source.hpp"

#include "translate/refusal.hpp"

extern "C" {
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "foreign/fdwapi.h"
#include "foreign/foreign.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

#include <algorithm>

namespace pgtrickle::translate {

namespace {

struct RelationFacts {
    const char *name; /* quoted and qualified */
    char kind;
    char persistence;
    bool is_child;     /* a partition, or an inheritance child */
    bool is_partition;
    bool has_children; /* an inheritance parent, with children now */
    bool is_stream_table;
    const char *odd_leaf; /* a partition that is a foreign table or unlogged, or nullptr */
};

/* The functions from here to facts_of() are PostgreSQL frames. */

const char *relation_name(Oid relid)
{
    return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), get_rel_name(relid));
}

bool is_stream_table(Oid relid)
{
    const ForeignServer *server = GetForeignServer(GetForeignServerIdByRelId(relid));
    return strcmp(GetForeignDataWrapper(server->fdwid)->fdwname, "pgtrickle_fdw") == 0;
}

const char *odd_leaf_of(Oid relid)
{
    ListCell *cell;

    foreach (cell, find_all_inheritors(relid, AccessShareLock, nullptr)) {
        const Oid leaf = lfirst_oid(cell);
        if (get_rel_relkind(leaf) == RELKIND_FOREIGN_TABLE ||
            get_rel_persistence(leaf) == RELPERSISTENCE_UNLOGGED)
            return relation_name(leaf);
    }
    return nullptr;
}

RelationFacts facts_of(Oid relid)
{
    RelationFacts facts = {};
    facts.name = relation_name(relid);
    facts.kind = get_rel_relkind(relid);
    facts.persistence = get_rel_persistence(relid);
    facts.is_child = has_superclass(relid);
    facts.is_partition = facts.is_child && get_rel_relispartition(relid);
    if (facts.kind == RELKIND_PARTITIONED_TABLE)
        facts.odd_leaf = odd_leaf_of(relid);
    else if (facts.kind == RELKIND_RELATION)
        facts.has_children = find_inheritance_children(relid, NoLock) != NIL;
    else if (facts.kind == RELKIND_FOREIGN_TABLE)
        facts.is_stream_table = is_stream_table(relid);
    return facts;
}

void refuse_kind(const RelationFacts &facts)
{
    const std::string name = facts.name;
    if (facts.kind == RELKIND_MATVIEW)
        refuse("materialized view " + name, "REFRESH MATERIALIZED VIEW does not say which rows it changes.",
               "Read the tables or stream tables below it.");
    if (facts.kind == RELKIND_FOREIGN_TABLE && !facts.is_stream_table)
        refuse("foreign table " + name, "Changes of a foreign table cannot be captured.", use_a_table);
    if (facts.kind == RELKIND_SEQUENCE)
        refuse("sequence " + name, "Changes of a sequence cannot be captured.", use_a_table);
    if (facts.persistence == RELPERSISTENCE_UNLOGGED)
        refuse("unlogged table " + name, "A crash empties it without a change that could be captured.",
               "Use ALTER TABLE ... SET LOGGED.");
    if (facts.odd_leaf != nullptr)
        refuse("partition " + std::string(facts.odd_leaf) + " of " + name,
               "Changes of a foreign or unlogged partition cannot be captured.", use_a_table);
}

void refuse_inheritance(const RelationFacts &facts)
{
    const std::string name = facts.name;
    if (facts.has_children)
        refuse("inheritance parent " + name, "Changes of its children do not reach the parent's triggers.",
               "Use partitioning, or tables without children.");
    if (facts.is_child && !facts.is_partition)
        refuse("inheritance child " + name, "Changes made through its parent do not reach its own triggers.",
               "Use partitioning, or tables without parents.");
    if (facts.is_child)
        refuse("partition " + name, "Changes made through its parent do not reach its own triggers.",
               "Read the parent with a condition on the partition key, or use refresh_mode 'FULL' or 'AUTO'.");
}

} // namespace

int Sources::add(const RangeTblEntry *entry, const std::set<AttrNumber> &used)
{
    const Oid relid = entry->relid;
    const Oid read_as = entry->checkAsUser == owner_ ? InvalidOid : entry->checkAsUser;
    size_t number = 0;

    while (number < sources_.size() && sources_[number].relid != relid)
        number++;
    if (number == sources_.size()) {
        const RelationFacts facts = call([&] { return facts_of(relid); });
        refuse_kind(facts);
        refuse_inheritance(facts);
        is_partitioned_.push_back(facts.kind == RELKIND_PARTITIONED_TABLE);
        sources_.push_back({relid, {}, facts.is_stream_table, {}});
        columns_.emplace_back();
    }
    if (is_partitioned_[number] && !entry->inh)
        refuse("ONLY of a partitioned table", "It has no rows of its own.", "Remove ONLY.");
    auto &readers = sources_[number].read_as;
    if (std::find(readers.begin(), readers.end(), read_as) == readers.end())
        readers.push_back(read_as);
    columns_[number].insert(used.begin(), used.end());
    if (columns_[number].empty())
        columns_[number].insert(cheapest_column(relid));
    scanned_.emplace_back(number, columns_[number].size());
    return static_cast<int>(number);
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
            if (!attribute->attisdropped && (best == InvalidAttrNumber || length < best_length)) {
                best = attribute->attnum;
                best_length = length;
            }
        }
        table_close(relation, NoLock);
        return best;
    });
    if (column == InvalidAttrNumber)
        refuse("table without columns", "Its rows cannot be told from one another.", use_full);
    return column;
}

} // namespace pgtrickle::translate
