#include "storage/statistics.hpp"

#include "pg/settings.hpp"

extern "C" {
#include "access/table.h"
#include "catalog/pg_statistic.h"
#include "commands/vacuum.h"
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

void gather_statistics(Oid heap)
{
    VacuumParams params = {};
    params.options = VACOPT_ANALYZE | VACOPT_SKIP_LOCKED;
    params.log_min_duration = -1;
    int level = NewGUCNestLevel();
    set_for_now("default_statistics_target", sampling_target);
    analyze_rel(heap, nullptr, &params, NIL, true, GetAccessStrategy(BAS_VACUUM));
    AtEOXact_GUC(false, level);
    CommandCounterIncrement();
}

} // namespace

void keep_statistics(Oid heap)
{
    Relation relation = table_open(heap, AccessShareLock);
    bool has_outgrown = has_outgrown_statistics(relation);
    table_close(relation, NoLock);
    if (has_outgrown)
        gather_statistics(heap);
}

} // namespace pgtrickle::storage
