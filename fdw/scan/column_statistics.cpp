#include "fdw/scan/column_statistics.hpp"

#include "fdw/scan/served_relation.hpp"
#include "pg/versions/rights.hpp"
#include "storage/partitions.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/sysattr.h"
#include "catalog/pg_class.h"
#include "nodes/pathnodes.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "parser/parsetree.h"
#include "utils/acl.h"
#include "utils/selfuncs.h"
#include "utils/syscache.h"
}

namespace pgtrickle {

namespace {

Oid reader_of(const Query *query, const RangeTblEntry *entry)
{
    const Oid read_as = rights_of(query, entry).read_as;
    return OidIsValid(read_as) ? read_as : GetUserId();
}

bool may_read_all(Oid relid, Oid user)
{
    return pg_class_aclcheck(relid, user, ACL_SELECT) == ACLCHECK_OK;
}

/* Returns true if the user may read this column of a stream table. */
bool may_read(Oid relid, AttrNumber column, Oid user)
{
    return may_read_all(relid, user) || pg_attribute_aclcheck(relid, column, user, ACL_SELECT) == ACLCHECK_OK;
}

/* Returns true if a statement of a refresh is being planned. */
bool is_refreshed_now(Oid heap)
{
    if (!InSecurityRestrictedOperation())
        return false;
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(heap));
    if (!HeapTupleIsValid(tuple))
        return false;
    const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
    ReleaseSysCache(tuple);
    return owner == GetUserId();
}

/* Returns the column of the stream table whose values are in column `stored` of the storage; 0 if that column
 * is hidden. */
AttrNumber shown_as(Oid relid, AttrNumber stored)
{
    const ServedRelation *served = find_served_relation(relid);
    for (int i = 0; served != nullptr && i < served->column_count; i++)
        if (served->columns[i] == stored)
            return static_cast<AttrNumber>(i + 1);
    return 0;
}

bool may_use_storage(Oid heap, AttrNumber stored, Oid user)
{
    if (is_refreshed_now(heap))
        return true;
    const Oid relid = served_from_storage(heap);
    const AttrNumber column = OidIsValid(relid) ? shown_as(relid, stored) : AttrNumber{0};
    return (column != 0 && may_read(relid, column, user)) || may_read_all(heap, user);
}

void take_statistics(Oid relation, AttrNumber column, bool with_children, VariableStatData *variable)
{
    variable->statsTuple =
        SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(relation), Int16GetDatum(column), BoolGetDatum(with_children));
    variable->freefunc = ReleaseSysCache;
}

/* A relation that the query names, and one of its columns; 0 is none. */
struct Named {
    const RangeTblEntry *entry;
    AttrNumber column;
};

Index number_of(PlannerInfo *root, const RangeTblEntry *entry)
{
    for (int i = 1; root->append_rel_array != nullptr && i < root->simple_rel_array_size; i++)
        if (root->simple_rte_array[i] == entry)
            return static_cast<Index>(i);
    return 0;
}

/* Returns the relation of which entry `number` was made as a partition or child, with the column of it that became
 * `column`. */
Named named_in_query(PlannerInfo *root, Index number, AttrNumber column)
{
    Named named = {planner_rt_fetch(number, root), column};
    while (root->append_rel_array != nullptr && root->append_rel_array[number] != nullptr) {
        const AppendRelInfo *child = root->append_rel_array[number];
        number = child->parent_relid;
        const RangeTblEntry *parent = planner_rt_fetch(number, root);
        if (parent->rtekind != RTE_RELATION)
            break;
        const bool is_of_parent = named.column > 0 && named.column <= child->num_child_cols;
        named = {parent, is_of_parent ? child->parent_colnos[named.column - 1] : AttrNumber{0}};
    }
    return named;
}

Named named_in_query(PlannerInfo *root, const RangeTblEntry *entry, AttrNumber column)
{
    const Index number = number_of(root, entry);
    return number != 0 ? named_in_query(root, number, column) : Named{entry, column};
}

bool may_read_named(PlannerInfo *root, const Named &named)
{
    const Oid relid = named.entry->relid, user = reader_of(root->parse, named.entry);
    if (named.entry->securityQuals != NIL || named.column == 0)
        return false;
    return is_storage_heap(relid) ? may_use_storage(relid, named.column, user) : may_read(relid, named.column, user);
}

/* An expression of the index may read any column of the table, so all columns must be readable. */
bool may_use_index(PlannerInfo *root, const RangeTblEntry *entry)
{
    const RangeTblEntry *named = named_in_query(root, entry, 0).entry;
    const Oid user = reader_of(root->parse, named);
    if (named->securityQuals != NIL)
        return false;
    if (is_refreshed_now(named->relid) || may_read_all(named->relid, user))
        return true;
    const Oid relid = served_from_storage(named->relid);
    return OidIsValid(relid) && may_read_all(relid, user);
}

/* The statistics of a partial index describe only some of the rows. */
bool is_partial(const RelOptInfo *rel, Oid index)
{
    ListCell *cell;
    foreach (cell, rel->indexlist)
        if (lfirst_node(IndexOptInfo, cell)->indexoid == index)
            return lfirst_node(IndexOptInfo, cell)->indpred != NIL;
    return false;
}

} // namespace

bool find_statistics(PlannerInfo *root, RangeTblEntry *entry, AttrNumber column, VariableStatData *variable)
{
    if (entry->rtekind == RTE_RELATION && entry->relkind == RELKIND_FOREIGN_TABLE && column > 0 && !entry->inh) {
        const ServedRelation *served = find_served_relation(entry->relid);
        if (served != nullptr && OidIsValid(served->storage) && column <= served->column_count) {
            take_statistics(served->storage, served->columns[column - 1], storage::is_partitioned(served->storage),
                            variable);
            variable->acl_ok =
                !HeapTupleIsValid(variable->statsTuple) || may_read_named(root, named_in_query(root, entry, column));
            return true;
        }
    }
    if (entry->rtekind == RTE_RELATION && column > 0 && is_storage_heap(entry->relid)) {
        take_statistics(entry->relid, column, entry->inh, variable);
        variable->acl_ok =
            !HeapTupleIsValid(variable->statsTuple) || may_read_named(root, named_in_query(root, entry, column));
        return true;
    }
    return false;
}

const RangeTblEntry *named_entry_of(PlannerInfo *root, const RelOptInfo *rel)
{
    return named_in_query(root, rel->relid, 0).entry;
}

bool may_read_columns_of(PlannerInfo *root, const RelOptInfo *rel, Node *clause)
{
    Bitmapset *columns = nullptr;
    pull_varattnos(clause, rel->relid, &columns);
    for (int column = -1; (column = bms_next_member(columns, column)) >= 0;) {
        const auto number = static_cast<AttrNumber>(column + FirstLowInvalidHeapAttributeNumber);
        if (number > 0 && !may_read_named(root, named_in_query(root, rel->relid, number)))
            return false;
    }
    return true;
}

/* Without a relation, a cost is being estimated, and no operator is called with the statistics. */
bool find_index_statistics(PlannerInfo *root, Oid index, AttrNumber column, VariableStatData *variable)
{
    const RangeTblEntry *entry = variable->rel != nullptr ? planner_rt_fetch(variable->rel->relid, root) : nullptr;
    if (entry != nullptr && entry->rtekind == RTE_RELATION && is_storage_heap(entry->relid)) {
        if (is_partial(variable->rel, index))
            return false;
        take_statistics(index, column, false, variable);
        variable->acl_ok = !HeapTupleIsValid(variable->statsTuple) || may_use_index(root, entry);
        return true;
    }
    const auto previous = previous_hooks().index_statistics;
    return previous != nullptr && previous(root, index, column, variable);
}

} // namespace pgtrickle
