#include "storage/statistics.hpp"

#include "pg/relation_row.hpp"
#include "pg/settings.hpp"
#include "pg/versions/analyze.hpp"
#include "storage/partitions.hpp"

extern "C" {
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_statistic.h"
#include "commands/vacuum.h"
#include "executor/tuptable.h"
#include "nodes/makefuncs.h"
#include "optimizer/plancat.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/guc.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

#include <cmath>

namespace pgtrickle::storage {

namespace {

/* Up to this size the planner's assumptions do no harm: it treats an empty table as one of ten pages. */
constexpr BlockNumber smallest_to_sample = 10;

/* 3,000 rows suffice to estimate how many rows a key has; the usual 30,000 would make a first fill take a
 * fifth longer. The rows written still count as not analyzed: autovacuum, where it is on, analyzes the heap
 * with the usual target. */
constexpr const char *sampling_target = "10";

/* Whether ANALYZE samples the column. SET STATISTICS 0 excludes it. */
bool is_sampled(Oid heap, AttrNumber column)
{
    HeapTuple row = SearchSysCacheAttNum(heap, column);
    if (!HeapTupleIsValid(row))
        return false;
    bool has_no_target;
    const Datum target = SysCacheGetAttr(ATTNUM, row, Anum_pg_attribute_attstattarget, &has_no_target);
    const bool is_excluded = !has_no_target && DatumGetInt16(target) == 0;
    ReleaseSysCache(row);
    return !is_excluded;
}

/* Looks at the last column that ANALYZE samples. */
bool has_statistics(Oid heap)
{
    Relation relation = table_open(heap, AccessShareLock);
    auto column = static_cast<AttrNumber>(RelationGetNumberOfAttributes(relation));
    table_close(relation, NoLock);
    while (column > 0 && !is_sampled(heap, column))
        column--;
    return column == 0 || SearchSysCacheExists3(STATRELATTINH, ObjectIdGetDatum(heap), Int16GetDatum(column),
                                                BoolGetDatum(is_partitioned(heap)));
}

/* The size of heaps now, and when they were analyzed. */
struct Growth {
    int64 blocks;
    int64 analyzed_blocks;
};

Growth growth_of(Oid heap)
{
    Relation relation = table_open(heap, AccessShareLock);
    const Growth growth = {RelationGetNumberOfBlocks(relation), relation->rd_rel->relpages};
    table_close(relation, NoLock);
    return growth;
}

bool has_outgrown_statistics(Oid heap, const Growth &growth)
{
    return growth.blocks > smallest_to_sample && (growth.blocks > 2 * growth.analyzed_blocks || !has_statistics(heap));
}

/* Calls vacuum(), as analyze_rel() is not reentrant and only vacuum() refuses to be nested: ANALYZE runs the
 * functions of expression indexes; it may run the extension's functions, and may itself be running in a
 * function that a user's ANALYZE has called. It updates the rows of the heap and of its indexes in pg_class in place;
 * those of partitions and their indexes are not in reach of users. */
void gather_statistics(Oid heap)
{
    Relation relation = table_open(heap, AccessShareLock);
    List *rows = lock_rows_at_once(lcons_oid(heap, RelationGetIndexList(relation)));
    table_close(relation, NoLock);
    if (rows == NIL)
        return;
    VacuumParams params = {};
    params.options = VACOPT_ANALYZE | VACOPT_SKIP_LOCKED;
    params.log_min_duration = -1;
    int level = NewGUCNestLevel();
    set_for_now("default_statistics_target", sampling_target);
    set_for_now("vacuum_cost_delay", "0");
    vacuum_relation(heap, &params);
    AtEOXact_GUC(false, level);
    unlock_rows(rows);
    CommandCounterIncrement();
}

/* Estimates the number of distinct values of a column, at most one per row. In pg_statistic, a negative
 * number is a fraction of the number of rows, and 0 means unknown. */
double distinct_values(Oid heap, int position, double rows)
{
    HeapTuple tuple = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(heap), Int16GetDatum(position + 1),
                                      BoolGetDatum(is_partitioned(heap)));
    if (!HeapTupleIsValid(tuple))
        return rows;
    double distinct = reinterpret_cast<Form_pg_statistic>(GETSTRUCT(tuple))->stadistinct;
    ReleaseSysCache(tuple);
    return distinct < 0 ? -distinct * rows : distinct > 0 ? distinct : rows;
}

double count_rows(Oid heap)
{
    double rows = 0;
    Relation relation = table_open(heap, AccessShareLock);
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    TupleTableSlot *slot = table_slot_create(relation, nullptr);
    TableScanDesc scan = table_beginscan(relation, snapshot, 0, nullptr);
    while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
        rows++;
    table_endscan(scan);
    ExecDropSingleTupleTableSlot(slot);
    UnregisterSnapshot(snapshot);
    table_close(relation, NoLock);
    return rows;
}

/* As analyzed_rows(). With `is_counted`, the rows of a heap that is too small for ANALYZE are counted. */
double known_rows(Oid heap, bool is_counted)
{
    const double rows = analyzed_rows(heap);
    return rows >= 0 || !is_counted || growth_of(heap).blocks > smallest_to_sample ? rows : count_rows(heap);
}

/* The size of a storage as of its last ANALYZE, or as it is where it is too small for that. */
BlockNumber known_blocks(Oid storage)
{
    int64 blocks = 0;
    ListCell *cell;
    foreach (cell, row_heaps(storage)) {
        const Growth growth = growth_of(lfirst_oid(cell));
        blocks += analyzed_rows(lfirst_oid(cell)) < 0 ? growth.blocks : growth.analyzed_blocks;
    }
    return static_cast<BlockNumber>(blocks);
}

bool is_near(double shown, double rows)
{
    return shown >= 0 && std::fabs(shown - rows) <= 0.1 * rows;
}

double rows_of(Relation heap)
{
    BlockNumber pages;
    double rows, visible;
    estimate_rel_size(heap, nullptr, &pages, &rows, &visible);
    return rows;
}

} // namespace

BlockNumber stored_blocks(Oid heap)
{
    BlockNumber blocks = 0;
    ListCell *cell;
    foreach (cell, row_heaps(heap))
        blocks += static_cast<BlockNumber>(growth_of(lfirst_oid(cell)).blocks);
    return blocks;
}

double stored_rows(Oid heap)
{
    double rows = 0;
    ListCell *cell;
    foreach (cell, row_heaps(heap)) {
        Relation relation = table_open(lfirst_oid(cell), AccessShareLock);
        rows += rows_of(relation);
        table_close(relation, NoLock);
    }
    return rows;
}

double distinct_keys(Oid heap, const int *positions, int count)
{
    double rows = stored_rows(heap);
    double keys = 1;
    for (int i = 0; i < count; i++)
        keys *= distinct_values(heap, positions[i], rows);
    return keys < rows ? keys : rows;
}

void maintain_statistics(Oid heap)
{
    Growth all = {0, 0};
    List *outgrown = NIL;
    ListCell *cell;
    foreach (cell, row_heaps(heap)) {
        const Growth growth = growth_of(lfirst_oid(cell));
        all.blocks += growth.blocks;
        all.analyzed_blocks += growth.analyzed_blocks;
        if (has_outgrown_statistics(lfirst_oid(cell), growth))
            outgrown = lappend_oid(outgrown, lfirst_oid(cell));
    }
    /* ANALYZE of a partitioned table analyzes its partitions. */
    if (has_outgrown_statistics(heap, all))
        outgrown = list_make1_oid(heap);
    foreach (cell, outgrown)
        gather_statistics(lfirst_oid(cell));
}

double analyzed_rows(Oid relation)
{
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
    if (!HeapTupleIsValid(tuple))
        return -1;
    const double rows = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->reltuples;
    ReleaseSysCache(tuple);
    return rows;
}

void show_size(Oid relid, Oid storage)
{
    const double shown = analyzed_rows(relid);
    double rows = 0;
    ListCell *cell;
    foreach (cell, row_heaps(storage)) {
        const double known = known_rows(lfirst_oid(cell), shown < 0);
        if (known < 0)
            return;
        rows += known;
    }
    if (is_near(shown, rows) || !ConditionalLockRelationOid(relid, ShareUpdateExclusiveLock))
        return;
    List *locked = lock_rows_at_once(list_make1_oid(relid));
    if (Relation relation = locked != NIL ? try_relation_open(relid, NoLock) : nullptr; relation != nullptr) {
        set_relation_size(relation, known_blocks(storage), rows);
        relation_close(relation, NoLock);
    }
    unlock_rows(locked);
    UnlockRelationOid(relid, ShareUpdateExclusiveLock);
}

} // namespace pgtrickle::storage
