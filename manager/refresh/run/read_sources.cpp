#include "refresh/program/needed_rows.hpp"
#include "refresh/run/net_changes.hpp"
#include "refresh/run/run.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "utils/snapmgr.h"
}

namespace pgtrickle::refresh {

namespace {

/* For more changes than this, the time to read them and the share that is left after summing are remembered
 * for later refreshes. */
constexpr int64_t many_changes = 1000;

/* Fewer changed rows are read in less time than the condition on them is prepared. */
constexpr int64_t few_changes = 100;

Origin origin_of(const CompiledSource &source)
{
    const Oid relation = source.is_stream_table ? storage::storage_of(source.relid) : source.relid;
    return {relation, source.columns.data(), static_cast<int>(source.columns.size()), source.is_only};
}

capture::Changes read_portion(const CompiledSource &source, const Frontier &frontier, capture::Portion portion,
                              Tuplestorestate *rows)
{
    return call([&] {
        return capture::read_changes(source.relid, frontier, GetActiveSnapshot(), source.columns.data(),
                                     static_cast<int>(source.columns.size()), source.is_only, source.needed_conjuncts,
                                     portion, rows);
    });
}

/* Returns the number of rows by which the planner estimates a delta: it expects the filters of the statement to discard
 * the rows that have been left out. */
int64_t estimated_rows(int64_t count, const capture::Changes &changes)
{
    return changes.rows == 0 ? 0 : count + changes.unneeded * count / changes.rows;
}

} // namespace

/* The condition on changed rows is prepared when a refresh first reads more than a few; those read before are kept
 * whether they meet it or not. */
capture::Changes Run::read_source(CompiledSource &source, const Frontier &frontier, capture::Portion portion,
                                  Tuplestorestate *rows)
{
    if (source.is_compared)
        return {};
    const int64_t few = portion.after + few_changes;
    const bool is_limited = portion.most > 0 && portion.most <= few;
    if (source.needed.empty() || source.needed_conjuncts != NIL || is_limited)
        return read_portion(source, frontier, portion, rows);
    const capture::Changes first = read_portion(source, frontier, {portion.after, few}, rows);
    if (!first.is_cut || (portion.most > 0 && first.logged > portion.most))
        return first;
    prepare_needed_rows(compiled_, source);
    capture::Changes changes = read_portion(source, frontier, {first.logged, portion.most}, rows);
    changes.rows += first.rows;
    changes.unneeded += first.unneeded;
    return changes;
}

/* Returns the number of logged rows of each source that has any; nothing if there is a marker. */
Run::Logged Run::logged_changes(const Frontier &frontier)
{
    Logged logged;
    for (const CompiledSource &source : compiled_.sources) {
        const int64_t rows = call([&] { return capture::count_changes(source.relid, frontier, GetActiveSnapshot()); });
        if (rows < 0)
            return {};
        if (rows > 0)
            logged.push_back({source.relid, static_cast<double>(rows)});
    }
    return logged;
}

void Run::sum_changes(const CompiledSource &source, Delta *delta, const capture::Changes &changes)
{
    if (changes.rows > 1 && (sums_all_changes_ || !source.is_summed_by_step)) {
        NetChanges net = call([&] { return net_changes(delta->rows, changes.rows, delta->descriptor); });
        delta->rows = net.rows;
        delta->count = net.count;
    }
    if (changes.logged > many_changes)
        compiled_.experience->net_shares[source.relid] =
            static_cast<double>(delta->count) / static_cast<double>(changes.logged);
}

std::string Run::read_sources(const Frontier &frontier, int64_t max_rows_without_model,
                              const std::function<bool(const Logged &)> &wants_full)
{
    const TimestampTz started_at = GetCurrentTimestamp();
    for (size_t i = 0; i < compiled_.sources.size(); i++) {
        CompiledSource &source = compiled_.sources[i];
        Delta delta{{engine::DeltaInput::Kind::source, static_cast<int>(i)}, begin_rows(), source.changes, 0};
        capture::Changes changes = read_source(source, frontier, {0, max_rows_without_model}, delta.rows);
        if (changes.is_cut) {
            const Logged logged = logged_changes(frontier);
            if (!logged.empty() && wants_full(logged)) {
                end_rows(delta.rows);
                is_unread_ = true;
                changed_rows_ = static_cast<int64_t>(scheduler::Work{0, logged}.changed_rows());
                return {};
            }
            max_rows_without_model = 0;
            const capture::Changes before = changes;
            changes = read_source(source, frontier, {before.logged, 0}, delta.rows);
            changes.rows += before.rows;
            changes.unneeded += before.unneeded;
        }
        if (changes.has_marker) {
            end_rows(delta.rows);
            return changes.reason != nullptr ? changes.reason : "the change log of a source is incomplete";
        }
        changed_rows_ += changes.rows + changes.unneeded;
        delta.count = changes.rows;
        sum_changes(source, &delta, changes);
        register_rows(delta_name(delta.input), delta.rows, delta.descriptor, estimated_rows(delta.count, changes),
                      origin_of(source));
        deltas_.push_back(delta);
    }
    if (changed_rows_ > many_changes)
        compiled_.experience->reading_us =
            static_cast<double>(GetCurrentTimestamp() - started_at) / static_cast<double>(changed_rows_);
    compare_copies();
    return {};
}

} // namespace pgtrickle::refresh
