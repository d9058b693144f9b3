#include "storage/statistics.hpp"

#include "pg/settings.hpp"
#include "pg/versions/analyze.hpp"

extern "C" {
#include "access/table.h"
#include "catalog/pg_statistic.h"
#include "commands/vacuum.h"
#include "nodes/makefuncs.h"
#include "optimizer/plancat.h"
#include "storage/bufmgr.h"
#include "utils/guc.h"
#include "utils/rel.h"
#include "utils/syscache.h"
}

namespace pgtrickle::storage {

namespace {

/* Up to this size the planner's assumptions do no harm: it treats an empty table as one of ten pages. */
constexpr BlockNumber smallest_to_sample = 10;

/* 3,000 rows suffice to estimate how many rows a key has; the usual 30,000 would make a first fill take a
 * fifth longer. The rows written still count as not analyzed: autovacuum, where it is on, analyzes the heap
 * with the usual target. */
constexpr const char *sampling_target = "10";

/* Looks at the last column. */
bool has_statistics(Relation heap)
{
    return SearchSysCacheExists3(STATRELATTINH, ObjectIdGetDatum(RelationGetRelid(heap)),
                                 Int16GetDatum(RelationGetNumberOfAttributes(heap)), BoolGetDatum(false));
}

bool has_outgrown_statistics(Relation heap)
{
    BlockNumber blocks = RelationGetNumberOfBlocks(heap);
    if (blocks <= smallest_to_sample)
        return false;
    return static_cast<int64>(blocks) > 2 * static_cast<int64>(heap->rd_rel->relpages) || !has_statistics(heap);
}

/* Calls vacuum(), as analyze_rel() is not reentrant and only vacuum() refuses to be nested: ANALYZE runs the
 * functions of expression indexes; it may run the extension's functions, and may itself be running in a
 * function that a user's ANALYZE has called. */
void gather_statistics(Oid heap)
{
    VacuumParams params = {};
    params.options = VACOPT_ANALYZE | VACOPT_SKIP_LOCKED;
    params.log_min_duration = -1;
    int level = NewGUCNestLevel();
    set_for_now("default_statistics_target", sampling_target);
    set_for_now("vacuum_cost_delay", "0");
    vacuum_relation(heap, &params);
    AtEOXact_GUC(false, level);
    CommandCounterIncrement();
}

/* Estimates the number of distinct values of a column, at most one per row. In pg_statistic, a negative
 * number is a fraction of the number of rows, and 0 means unknown. */
double distinct_values(Relation heap, int position, double rows)
{
    HeapTuple tuple = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(RelationGetRelid(heap)),
                                      Int16GetDatum(position + 1), BoolGetDatum(false));
    if (!HeapTupleIsValid(tuple))
        return rows;
    double distinct = reinterpret_cast<Form_pg_statistic>(GETSTRUCT(tuple))->stadistinct;
    ReleaseSysCache(tuple);
    return distinct < 0 ? -distinct * rows : distinct > 0 ? distinct : rows;
}

double rows_of(Relation heap)
{
    BlockNumber pages;
    double rows, visible;
    estimate_rel_size(heap, nullptr, &pages, &rows, &visible);
    return rows;
}

} // namespace

double stored_rows(Oid heap)
{
    Relation relation = table_open(heap, AccessShareLock);
    double rows = rows_of(relation);
    table_close(relation, NoLock);
    return rows;
}

double distinct_keys(Oid heap, const int *positions, int count)
{
    Relation relation = table_open(heap, AccessShareLock);
    double rows = rows_of(relation);
    double keys = 1;
    for (int i = 0; i < count; i++)
        keys *= distinct_values(relation, positions[i], rows);
    table_close(relation, NoLock);
    return keys < rows ? keys : rows;
}

void maintain_statistics(Oid heap)
{
    Relation relation = table_open(heap, AccessShareLock);
    bool has_outgrown = has_outgrown_statistics(relation);
    table_close(relation, NoLock);
    if (has_outgrown)
        gather_statistics(heap);
}

} // namespace pgtrickle::storage
