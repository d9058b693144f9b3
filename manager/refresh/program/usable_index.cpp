#include "refresh/program/usable_index.hpp"

#include "pg/internal_query.hpp"
#include "pg/rights.hpp"
#include "pg/settings.hpp"
#include "refresh/code/refused_code.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "access/genam.h"
#include "access/table.h"
#include "catalog/pg_am.h"
#include "nodes/parsenodes.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/typcache.h"
}

#include <algorithm>

namespace pgtrickle::refresh {

namespace {

/* These functions are PostgreSQL frames. */

/* Returns the SQL expression over columns of `relation` in the form in which the catalog of indexes stores
 * it. */
Node *index_expression(Relation relation, const char *text, const QueryParts &parts)
{
    return reinterpret_cast<Node *>(
        expression_planner(reinterpret_cast<Expr *>(analyze_internal_expression(text, parts, relation))));
}

/* Whether the index begins with the term and is usable: it is valid and not partial; for a range it must be a
 * btree. */
bool begins_with(Relation relation, Oid index_oid, const char *text, const QueryParts &parts, bool is_column,
                 bool is_range)
{
    Relation index = index_open(index_oid, AccessShareLock);
    AttrNumber column = index->rd_index->indkey.values[0];
    bool begins = false;
    if (index->rd_index->indisvalid && heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, nullptr) &&
        (!is_range || index->rd_rel->relam == BTREE_AM_OID)) {
        if (is_column)
            begins = column > 0 && strcmp(get_attname(RelationGetRelid(relation), column, false), text) == 0;
        else
            begins = column == 0 &&
                     equal(linitial(RelationGetIndexExpressions(index)), index_expression(relation, text, parts));
    }
    index_close(index, NoLock);
    return begins;
}

bool has_index_on(Oid relid, const char *text, const QueryParts &parts, bool is_column, bool is_range)
{
    Relation relation = table_open(relid, AccessShareLock);
    bool found = false;
    ListCell *cell;
    foreach (cell, RelationGetIndexList(relation))
        found = found || begins_with(relation, lfirst_oid(cell), text, parts, is_column, is_range);
    table_close(relation, NoLock);
    return found;
}

/* Whether column `number` of the index, from 0, is the named one of the relation, in the order of its type and
 * collation. */
bool has_column(Relation relation, Relation index, int number, const char *name)
{
    const AttrNumber column = index->rd_index->indkey.values[number];
    if (column <= 0)
        return false;
    const FormData_pg_attribute *attribute = TupleDescAttr(RelationGetDescr(relation), column - 1);
    return strcmp(NameStr(attribute->attname), name) == 0 &&
           index->rd_indcollation[number] == attribute->attcollation &&
           index->rd_opfamily[number] == lookup_type_cache(attribute->atttypid, TYPECACHE_BTREE_OPFAMILY)->btree_opf;
}

/* Whether the values of the index's column are in the order of the term, or in the opposite one. */
bool has_direction(Relation index, int number, const engine::OrderTerm &term)
{
    const int16 option = index->rd_indoption[number];
    const bool is_other = ((option & INDOPTION_DESC) != 0) != term.is_descending;
    return is_other == (((option & INDOPTION_NULLS_FIRST) != 0) != term.has_nulls_first);
}

bool has_order(Relation relation, Oid index_oid, const std::vector<engine::IndexTerm> &keys,
               const std::optional<engine::OrderTerm> &first)
{
    Relation index = index_open(index_oid, AccessShareLock);
    const int count = static_cast<int>(keys.size());
    bool has = index->rd_index->indisvalid && heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, nullptr) &&
               index->rd_rel->relam == BTREE_AM_OID && index->rd_index->indnkeyatts >= count + (first ? 1 : 0);
    for (int number = 0; has && number < count; number++)
        has = std::any_of(keys.begin(), keys.end(),
                          [&](const auto &key) { return has_column(relation, index, number, key.text.c_str()); });
    if (has && first)
        has = has_column(relation, index, count, first->column.c_str()) && has_direction(index, count, *first);
    index_close(index, NoLock);
    return has;
}

bool has_index_with_order(Oid relid, const std::vector<engine::IndexTerm> &keys,
                          const std::optional<engine::OrderTerm> &first)
{
    Relation relation = table_open(relid, AccessShareLock);
    /* Children that are no partitions have indexes of their own. */
    const bool is_whole = relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE || !relation->rd_rel->relhassubclass;
    bool found = false;
    ListCell *cell;
    foreach (cell, is_whole ? RelationGetIndexList(relation) : NIL)
        found = found || has_order(relation, lfirst_oid(cell), keys, first);
    table_close(relation, NoLock);
    return found;
}

} // namespace

bool has_order_for(Oid relation, const std::vector<engine::IndexTerm> &keys,
                   const std::optional<engine::OrderTerm> &first)
{
    return call([&] { return has_index_with_order(relation, keys, first); });
}

bool has_index_for(Oid relation, const std::vector<engine::IndexTerm> &terms, const Compiled &compiled)
{
    const CodeOf code(compiled.relid());
    AsOwner as_owner(compiled.definition.owner, Sharing::all);
    TextSettings text_settings;
    return std::any_of(terms.begin(), terms.end(), [&](const engine::IndexTerm &term) {
        return call(
            [&] { return has_index_on(relation, term.text.c_str(), compiled.parts, term.is_column, term.is_range); });
    });
}

Oid heap_of(engine::DeltaInput relation, const Compiled &compiled)
{
    if (relation.kind == engine::DeltaInput::Kind::step)
        return compiled.steps[relation.index].heap;
    const CompiledSource &source = compiled.sources[relation.index];
    return source.is_stream_table ? storage::storage_of(source.relid) : source.relid;
}

bool lacks_index(const Compiled &compiled, CompiledStep &step)
{
    if (!step.lacks_index)
        step.lacks_index = std::any_of(step.step.lookups.begin(), step.step.lookups.end(), [&](const auto &lookup) {
            return lookup.relation.kind == engine::DeltaInput::Kind::source && !lookup.terms.empty() &&
                   !has_index_for(heap_of(lookup.relation, compiled), lookup.terms, compiled);
        });
    return *step.lacks_index;
}

} // namespace pgtrickle::refresh
