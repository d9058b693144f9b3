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

/* Up to here the planner's guesses do no harm: it takes an empty table for one of ten pages. */
constexpr BlockNumber smallest_to_sample = 10;

/* 3,000 rows tell how many a key has; 30,000, as usual, would make a first fill take a fifth longer. What was written
 * still counts as unanalyzed: where autovacuum is on, it comes by with the usual target. */
constexpr const char *sampling_target = "10";

/* pgt_hash comes last, and is a column of every arrangement. */
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

/* By vacuum(), as analyze_rel() is not reentrant and only vacuum() refuses to be nested: ANALYZE runs the functions of
 * expression indexes, ours within this one, and this one may be within a user's. */
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

/* In pg_statistic a negative number is one for each row, times that; 0 is unknown. At most, each row has its own. */
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

void keep_statistics(Oid heap)
{
    Relation relation = table_open(heap, AccessShareLock);
    bool has_outgrown = has_outgrown_statistics(relation);
    table_close(relation, NoLock);
    if (has_outgrown)
        gather_statistics(heap);
}

} // namespace pgtrickle::storage
