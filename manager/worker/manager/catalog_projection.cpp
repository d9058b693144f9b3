#include "worker/manager/catalog_projection.hpp"

#include "catalog/process.hpp"
#include "catalog/tables/retention.hpp"

#include <algorithm>
#include <malloc.h>

extern "C" {
#include "miscadmin.h"
}

namespace pgtrickle::worker {

using scheduler::Id;

namespace {

constexpr TimestampTz pause_us = 1'000'000;
/* Statistics that are younger may belong to a stream table that was created after the definitions were
 * read. */
constexpr TimestampTz statistics_pause_us = 600'000'000;
/* of the history */
constexpr int64_t most_rows_of_dropped = 1000;

} // namespace

std::optional<TimestampTz> CatalogProjection::next_at() const
{
    if (!is_due_)
        return std::nullopt;
    return write_after_;
}

void CatalogProjection::write_if_due()
{
    TimestampTz now = GetCurrentTimestamp();
    if (!is_due_ || now < write_after_)
        return;
    is_due_ = false;
    write_after_ = now + pause_us;
    write();
    /* Reading a thousand definitions leaves twice the size of what is kept as free holes in the heap. */
    malloc_trim(0);
}

void CatalogProjection::write_if_catalog_is_new()
{
    if (!is_catalog_new_ && is_written_)
        return;
    if (is_catalog_new_)
        for (const auto &[relid, known] : definitions_.all())
            definitions_.at(relid).is_program_written = false;
    is_catalog_new_ = false;
    write();
}

void CatalogProjection::write()
{
    std::vector<catalog::Registered> rows;
    std::vector<catalog::Edge> edges;
    const scheduler::Graph &graph = definitions_.graph();
    for (const auto &[relid, known] : definitions_.all()) {
        rows.push_back({relid, known.generation, known.schema_name, known.name, known.schedule_text, known.status});
        for (Id source : graph.sources(relid))
            edges.push_back({relid, source, graph.contains(source)});
    }
    catalog::Cluster cluster = catalog::this_cluster();
    int64_t now = GetCurrentTimestamp();
    is_written_ = catalog::run([&](catalog::Database &catalog) {
        catalog::write_registry(catalog, cluster, MyDatabaseId, rows, now);
        catalog::write_graph(catalog, MyDatabaseId, edges);
        catalog::prune_statistics(catalog, MyDatabaseId, now - statistics_pause_us);
        catalog::prune_unregistered(catalog, MyDatabaseId, most_rows_of_dropped);
        catalog::prune_measured(catalog, MyDatabaseId);
        for (const catalog::BackOff &row : catalog::back_offs_of(catalog, MyDatabaseId)) {
            scheduler::Task *task = tasks_.find(row.relid);
            if (task == nullptr || definitions_.at(row.relid).generation != row.generation)
                catalog::write_back_off(catalog, MyDatabaseId, {row.relid, 0, 0, 0});
            else if (task->failures > 0)
                task->not_before = std::max(task->not_before, scheduler::end_of_back_off(row.not_before, now));
        }
    });
    (void)catalog::take_is_new();
}

} // namespace pgtrickle::worker
