/*
 * Counters of the cumulative statistics of this backend. PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "access/tableam.h"
#include "pgstat.h"
#include "utils/rel.h"

/* Its inline functions change volatile counters. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wvolatile"
#include "utils/pgstat_internal.h"
#pragma GCC diagnostic pop
}

namespace pgtrickle {

/* Counts the rows of the relation itself that the transaction has inserted, updated and deleted, without those of
 * subtransactions that were rolled back. 0 if such changes are not counted. */
inline int64 live_rows_changed_in(Relation relation)
{
    int64 rows = 0;
    if (pgstat_should_count_relation(relation))
        for (const PgStat_TableXactStatus *part = relation->pgstat_info->trans; part != nullptr; part = part->upper)
            rows += part->tuples_inserted + part->tuples_updated + part->tuples_deleted;
    return rows;
}

/* Counts the rows of the relation itself that this backend has inserted, updated and deleted. Only the
 * difference of two counts of one transaction has a meaning. -1: such changes are not counted. Costs a few
 * nanoseconds, and no more for the statement that then changes the relation. */
inline int64 rows_changed_in(Relation relation)
{
    if (relation->rd_tableam != GetHeapamTableAmRoutine() || !pgstat_should_count_relation(relation))
        return -1;
    const PgStat_TableStatus *status = relation->pgstat_info;
#if PG_VERSION_NUM < 160000
    int64 rows =
        status->t_counts.t_tuples_inserted + status->t_counts.t_tuples_updated + status->t_counts.t_tuples_deleted;
#else
    int64 rows = status->counts.tuples_inserted + status->counts.tuples_updated + status->counts.tuples_deleted;
#endif
    for (const PgStat_TableXactStatus *part = status->trans; part != nullptr; part = part->upper)
        rows += part->tuples_inserted + part->tuples_updated + part->tuples_deleted;
    return rows;
}

/* Returns the relations of which this transaction has changed rows, as far as such changes are counted. */
inline List *changed_tables()
{
    List *relids = NIL;
    for (const PgStat_TableXactStatus *table = pgstat_get_xact_stack_level(1)->first; table != nullptr;
         table = table->next) {
        if (table->tuples_inserted + table->tuples_updated + table->tuples_deleted == 0)
            continue;
#if PG_VERSION_NUM < 160000
        relids = list_append_unique_oid(relids, table->parent->t_id);
#else
        relids = list_append_unique_oid(relids, table->parent->id);
#endif
    }
    return relids;
}

} // namespace pgtrickle
