/*
 * Counters of the cumulative statistics of this backend. PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "access/tableam.h"
#include "access/xact.h"
#include "pgstat.h"
#include "utils/rel.h"

/* Its inline functions change volatile counters. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wvolatile"
#include "utils/pgstat_internal.h"
#pragma GCC diagnostic pop
}

namespace pgtrickle {

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

/* Calls `act(relid, rows)` for each table that the transaction has changed, with the number of its own rows that were
 * inserted, updated and deleted, without those of subtransactions that were rolled back; as far as such changes are
 * counted. The tables that were changed last come first. */
template <class Act> void for_changed_tables(Act act)
{
    for (const PgStat_SubXactStatus *level = pgstat_get_xact_stack_level(GetCurrentTransactionNestLevel());
         level != nullptr; level = level->prev)
        for (const PgStat_TableXactStatus *table = level->first; table != nullptr; table = table->next) {
            if (table->parent->trans != table)
                continue; /* it is in the list of an inner level */
            int64 rows = 0;
            for (const PgStat_TableXactStatus *part = table; part != nullptr; part = part->upper)
                rows += part->tuples_inserted + part->tuples_updated + part->tuples_deleted;
#if PG_VERSION_NUM < 160000
            act(table->parent->t_id, rows);
#else
            act(table->parent->id, rows);
#endif
        }
}

} // namespace pgtrickle
