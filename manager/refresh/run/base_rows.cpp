#include "refresh/run/base_rows.hpp"

#include "capture/source/inheritance.hpp"
#include "pg/versions/heaps.hpp"
#include "storage/partitions.hpp"
#include "storage/statistics.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "catalog/pg_inherits.h"
#include "pgstat.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
}

#include <algorithm>

namespace pgtrickle::refresh {

namespace {

/* Returns the number of rows by the cumulative statistics, which exclude dead rows, or by the heap's size if
 * these do not contain it. PostgreSQL frame. */
double live_rows(Oid heap)
{
    const PgStat_StatTabEntry *counted = pgstat_fetch_stat_tabentry(heap);
    return counted != nullptr && live_tuples(*counted) > 0 ? static_cast<double>(live_tuples(*counted))
                                                           : storage::stored_rows(heap);
}

/* PostgreSQL frame. */
double live_stored_rows(Oid storage)
{
    double rows = 0;
    ListCell *cell;
    foreach (cell, storage::row_heaps(storage))
        rows += live_rows(lfirst_oid(cell));
    return rows;
}

/* Includes partitions and children. PostgreSQL frame. */
double rows_now(Oid relid, bool is_stream_table, bool is_only)
{
    if (is_stream_table)
        return live_stored_rows(storage::storage_of(relid));
    List *tree = is_only ? list_make1_oid(relid) : capture::tree_of(relid, NoLock);
    double rows = 0;
    ListCell *cell;
    foreach (cell, tree) {
        Oid member = lfirst_oid(cell);
        char kind = get_rel_relkind(member);
        bool has_heap = kind == RELKIND_RELATION || kind == RELKIND_MATVIEW;
        /* A locked partition is not waited for, since this is an estimate. */
        if (has_heap && ConditionalLockRelationOid(member, AccessShareLock))
            rows += get_rel_relkind(member) == kind ? live_rows(member) : 0;
        else
            rows += known_rows(member);
    }
    list_free(tree);
    return rows;
}

} // namespace

double known_rows(Oid relid)
{
    if (!storage::is_heap(relid) || !storage::is_partitioned(relid))
        return std::max(storage::analyzed_rows(relid), 0.0);
    double rows = 0;
    ListCell *cell;
    foreach (cell, find_inheritance_children(relid, NoLock))
        rows += std::max(storage::analyzed_rows(lfirst_oid(cell)), 0.0);
    return rows;
}

double known_base_rows(const Definition &definition)
{
    double rows = 0;
    for (const Source &source : definition.sources)
        rows += call([&] {
            return known_rows(source.kind == SourceKind::stream_table ? storage::storage_of(source.relid)
                                                                      : source.relid);
        });
    return rows;
}

double base_rows(const Compiled &compiled)
{
    double rows = 0;
    for (const CompiledSource &source : compiled.sources)
        rows += call([&] { return rows_now(source.relid, source.is_stream_table, source.is_only); });
    return rows;
}

} // namespace pgtrickle::refresh
