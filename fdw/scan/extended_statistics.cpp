#include "fdw/scan/extended_statistics.hpp"

#include "definition/guc.hpp"
#include "fdw/scan/served_relation.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/sysattr.h"
#include "nodes/pathnodes.h"
#include "optimizer/optimizer.h"
#include "storage/lmgr.h"
#include "utils/rel.h"
#include "utils/relcache.h"
}

namespace pgtrickle {

namespace {

/* A maintenance statement reads a storage whose stream table it need not have locked; it is planned without. */
bool has_extended_statistics(Oid relid)
{
    Relation table = RelationIdGetRelation(relid);
    if (table == nullptr)
        return false;
    const bool has_some = CheckRelationLockedByMe(table, AccessShareLock, true) && RelationGetStatExtList(table) != NIL;
    RelationClose(table);
    return has_some;
}

/* Returns the statistics of the stream table, as the planner collects them for `rel` if that stands for it. */
List *statistics_of(PlannerInfo *root, Oid relid, const RelOptInfo *rel)
{
    RelOptInfo *as_declared = makeNode(RelOptInfo);
    as_declared->reloptkind = rel->reloptkind;
    as_declared->relid = rel->relid;
    as_declared->relids = rel->relids;
    as_declared->rtekind = rel->rtekind;
    get_relation_info(root, relid, false, as_declared);
    return as_declared->statlist;
}

bool has_number_of_stored(const ServedRelation *served, int column)
{
    return column > 0 && column <= served->column_count && served->columns[column - 1] == column;
}

/* Returns true if each column that the statistics are about has the same number in the storage. */
bool fits_storage(const ServedRelation *served, const StatisticExtInfo *statistics, Index rel)
{
    Bitmapset *columns = nullptr;
    pull_varattnos(reinterpret_cast<Node *>(statistics->exprs), rel, &columns);
    for (int column = -1; (column = bms_next_member(columns, column)) >= 0;)
        if (!has_number_of_stored(served, column + FirstLowInvalidHeapAttributeNumber))
            return false;
    for (int column = -1; (column = bms_next_member(statistics->keys, column)) >= 0;)
        if (!has_number_of_stored(served, column))
            return false;
    return true;
}

} // namespace

void add_extended_statistics(PlannerInfo *root, Oid relation, bool is_parent, RelOptInfo *rel)
{
    const Oid relid = !is_parent && guc::is_preloaded() ? served_from_storage(relation) : InvalidOid;
    if (!OidIsValid(relid) || !has_extended_statistics(relid))
        return;
    List *found = statistics_of(root, relid, rel);
    const ServedRelation *served = find_served_relation(relid);
    if (served == nullptr || served->storage != relation)
        return;
    ListCell *cell;
    foreach (cell, found) {
        auto *statistics = lfirst_node(StatisticExtInfo, cell);
        if (!fits_storage(served, statistics, rel->relid))
            continue;
        statistics->rel = rel;
        rel->statlist = lappend(rel->statlist, statistics);
    }
}

} // namespace pgtrickle
