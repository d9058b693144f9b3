#include "refresh/run/read_groups.hpp"

#include "definition/state/state.hpp"
#include "pg/attempt.hpp"
#include "refresh/program/scope.hpp"
#include "refresh/run/base_rows.hpp"
#include "refresh/run/value_error.hpp"

extern "C" {
#include "access/xact.h"
#include "utils/snapmgr.h"
}

#include <algorithm>

namespace pgtrickle::refresh {

namespace {

/* So many changes are always read; more, if they are at most this share of the rows of the sources. */
constexpr double few_changes = 1000, share_of_rows = 0.2;
constexpr int most_groups = 50000;
constexpr Size most_bytes = 32 << 20;

bool has_one_step_of_groups(const Compiled &compiled)
{
    if (compiled.is_full_only() || !compiled.is_captured() || compiled.steps.size() != 1 || compiled.has_lost_a_key ||
        !compiled.captures_match_privileges)
        return false;
    const CompiledStep &step = compiled.steps.front();
    return step.step.layout == engine::Layout::groups && !step.step.is_compared &&
           std::ranges::all_of(compiled.sources, [](const CompiledSource &source) {
               return source.is_captured && !source.is_compared && !source.is_stream_table;
           });
}

/* Returns the number of logged changes; a negative number if the logs do not show them all. */
double count_pending(const Compiled &compiled, const Frontier &frontier, Snapshot snapshot)
{
    double all = 0;
    for (const CompiledSource &source : compiled.sources) {
        const int64 count = call([&] { return capture::count_changes(source.relid, frontier, snapshot); });
        if (count < 0)
            return -1;
        all += static_cast<double>(count);
    }
    return all;
}

bool merge(Compiled &compiled, const Frontier &frontier, storage::MergedGroups *merged)
{
    const Definition &definition = compiled.definition;
    ExactScope scope(definition);
    check_privileges(compiled);
    Run run(compiled, Purpose::read);
    const bool is_read = run.read_sources(frontier, 0, [](const Run::Logged &) { return false; }).empty();
    const bool is_complete = is_read && (run.changed_rows() == 0 || run.merge_deltas(merged));
    run.finish();
    return is_complete;
}

bool read(Oid relid, Snapshot snapshot, ReadGroups *groups)
{
    const state::VisibleRow seen = call([=] { return state::visible_row(relid, snapshot); });
    discard_stale();
    if (seen.frontier == nullptr || seen.needs_reinit || !has_current_layout(relid))
        return false;
    Compiled &compiled = compiled_of(relid);
    if (!has_one_step_of_groups(compiled))
        return false;
    const Frontier frontier = Frontier::from_text(seen.frontier, seen.own_xid, seen.own_seq);
    const double changes = count_pending(compiled, frontier, snapshot);
    if (changes < 0 || changes > std::max(few_changes, share_of_rows * known_base_rows(compiled.definition)))
        return false;
    const CompiledStep &step = compiled.steps.front();
    groups->output_count = step.facts.output_count;
    groups->key_count = step.facts.key_count;
    groups->key = step.facts.key;
    call([=] { PushActiveSnapshot(snapshot); });
    const bool is_complete = merge(compiled, frontier, &groups->merged);
    call([] { PopActiveSnapshot(); });
    return is_complete;
}

} // namespace

bool read_groups(Oid relid, Snapshot snapshot, ReadGroups *groups)
{
    if (is_running() || is_reading_exactly() || relations_in_memory() != nullptr || IsInParallelMode())
        return false;
    MemoryContext memory =
        call([] { return AllocSetContextCreate(CurrentMemoryContext, "merged groups", ALLOCSET_DEFAULT_SIZES); });
    *groups = {{memory, NIL, NIL, most_groups, most_bytes}, 0, 0, nullptr};
    bool is_complete = false;
    try {
        in_subtransaction([&] { is_complete = read(relid, snapshot, groups); });
    } catch (const PgError &error) {
        if (!is_about_values(*error.data))
            throw;
    }
    if (!is_complete)
        call([=] { MemoryContextDelete(memory); });
    return is_complete;
}

} // namespace pgtrickle::refresh
