#include "refresh/run/run.hpp"

#include "definition/shown_as.hpp"
#include "refresh/program/plan_limits.hpp"
#include "refresh/program/usable_index.hpp"
#include "refresh/run/base_rows.hpp"
#include "refresh/run/counting_receiver.hpp"
#include "storage/apply/apply_full.hpp"
#include "storage/apply/apply_rows.hpp"
#include "storage/apply/uniqueness.hpp"
#include "storage/bound.hpp"
#include "storage/index_names.hpp"
#include "storage/statistics.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "utils/snapmgr.h"
}

#include <algorithm>
#include <numeric>
#include <utility>

namespace pgtrickle::refresh {

namespace {

void append_to_log(void *log, const Datum *values, const bool *nulls, int weight)
{
    capture::append_to_log(static_cast<capture::LogWriter *>(log), values, nulls, weight);
}

/* The order of the index by which the rows of the step are found. */
storage::DeltaOrder order_of(const CompiledStep &step)
{
    return step.found_by.empty() ? storage::DeltaOrder::hash : storage::DeltaOrder::values;
}

/* `position` returns that of each column in the heap. */
template <class Position> Origin origin_of(Oid heap, Position position, int column_count)
{
    auto *columns = call([=] { return static_cast<AttrNumber *>(palloc(sizeof(AttrNumber) * (column_count + 1))); });
    for (int i = 0; i < column_count; i++)
        columns[i] = static_cast<AttrNumber>(position(i) + 1);
    return {heap, columns, column_count, false};
}

/* Raises 23505 if rows have one key in a unique index. */
void build_indexes(Oid relid, Oid heap)
{
    storage::ShownNames names(relid);
    names.add_parts(heap);
    try {
        call([=] { storage::build_indexes(heap); });
    } catch (const PgError &error) {
        names.show_in(error.data);
        throw;
    }
}

/* PostgreSQL frame. */
void close(CompiledStep &step, storage::Arrangement *arrangement)
{
    step.may_have_rows_to_place = step.may_have_rows_to_place || arrangement->has_rows_to_place;
    storage::close_arrangement(arrangement);
}

} // namespace

Run::Run(Compiled &compiled, Purpose purpose) : compiled_(compiled), log_(nullptr)
{
    Oid relid = compiled.relid();
    if (purpose == Purpose::apply)
        log_ = call([=] { return capture::open_log(relid); });
}

void Run::finish()
{
    if (log_ != nullptr) {
        call([this] { capture::finish_log(log_); });
        /* Dependents in this batch must see the log's last chunk, which the batch's frontier includes. */
        advance_command();
    }
    for (const Delta &delta : deltas_)
        end_rows(delta.rows);
    connection_.finish();
}

bool Run::is_storage(int index) const
{
    return index + 1 == static_cast<int>(compiled_.steps.size());
}

void Run::compare_copies()
{
    for (int i = 0; i < static_cast<int>(compiled_.steps.size()); i++) {
        if (!compiled_.steps[i].step.is_compared)
            continue;
        begin_emitting(i);
        replace_step(i);
        end_emitting(i);
        changed_rows_ += deltas_.back().count;
    }
}

engine::ChangedInputs Run::changed_inputs(const engine::Step &step) const
{
    engine::ChangedInputs changed(step.inputs.size());
    for (size_t k = 0; k < step.inputs.size(); k++)
        for (const Delta &delta : deltas_)
            if (delta.input == step.inputs[k] && delta.count > 0)
                changed[k] = true;
    return changed;
}

/* Returns how many changed rows the statements of a step read of each input that has changed. */
std::vector<int64_t> Run::rows_of_inputs(const engine::Step &step) const
{
    std::vector<int64_t> rows;
    for (const Delta &delta : deltas_)
        if (std::find(step.inputs.begin(), step.inputs.end(), delta.input) != step.inputs.end())
            rows.push_back(delta.count);
    return rows;
}

/* Whether a statement of the step is planned for the number of rows that it reads. Without an index, the kept plan
 * would read a source once for each row; planning takes as long as some hundred thousand of its rows. */
bool Run::is_worth_a_plan(CompiledStep &step) const
{
    const std::vector<int64_t> rows = rows_of_inputs(step.step);
    if (std::ranges::any_of(rows, refresh::is_worth_a_plan))
        return true;
    const int64_t most = rows.empty() ? 0 : *std::ranges::max_element(rows);
    return most > few_scans && lacks_index(compiled_, step) &&
           static_cast<double>(most) * base_rows(compiled_) > many_scanned;
}

/* Whether the statement that recomputes the touched keys is planned for their number: it reads all rows of each. */
bool Run::is_worth_a_plan(const CompiledStep &step, const storage::Touched &touched) const
{
    if (touched.count < few_touched)
        return false;
    const double keys = call([&] { return storage::stored_rows(step.heap); });
    const double rows_of_key = keys > 0 ? std::max(base_rows(compiled_) / keys, 1.0) : 1;
    return refresh::is_worth_a_plan(static_cast<int64_t>(static_cast<double>(touched.count) * rows_of_key));
}

void Run::begin_emitting(int index)
{
    const CompiledStep &step = compiled_.steps[index];
    emitter_ = {};
    emitter_.output_count = step.facts.output_count;
    emitter_.descriptor = step.output;
    if (is_storage(index)) {
        emitter_.log = log_;
        emitter_.append_to_log = append_to_log;
        const Oid relid = definition::ShownAs::of(compiled_.relid()); /* a successor is to be within its bound */
        emitter_.bound = call([=] { return storage::begin_bound_check(relid); });
        return;
    }
    emitter_.store = begin_rows();
    call([this] {
        emitter_.values = static_cast<Datum *>(palloc(sizeof(Datum) * (emitter_.output_count + 1)));
        emitter_.nulls = static_cast<bool *>(palloc(sizeof(bool) * (emitter_.output_count + 1)));
    });
}

void Run::end_emitting(int index)
{
    if (is_storage(index)) {
        inserted_ += emitter_.inserted;
        deleted_ += emitter_.deleted;
        return;
    }
    Delta delta{{engine::DeltaInput::Kind::step, index},
                emitter_.store,
                emitter_.descriptor,
                emitter_.inserted + emitter_.deleted};
    register_rows(delta_name(delta.input), delta.rows, delta.descriptor, delta.count,
                  origin_of(
                      compiled_.steps[index].heap, [](int column) { return column; }, emitter_.output_count));
    deltas_.push_back(delta);
}

template <class Prepare> const KeptPlan &Run::prepared(Prepare prepare)
{
    TimestampTz started_at = GetCurrentTimestamp();
    const KeptPlan &plan = prepare();
    preparing_us_ += GetCurrentTimestamp() - started_at;
    return plan;
}

Applied Run::apply_deltas(int64_t time_limit_us)
{
    give_up_at_ = time_limit_us > 0 ? GetCurrentTimestamp() + time_limit_us : 0;
    for (int i = 0; i < static_cast<int>(compiled_.steps.size()); i++) {
        const engine::ChangedInputs changed = changed_inputs(compiled_.steps[i].step);
        if (std::ranges::none_of(changed, std::identity()))
            continue;
        if (give_up_at_ != 0 && GetCurrentTimestamp() >= give_up_at_)
            return Applied::gave_up;
        begin_emitting(i);
        Applied applied = Applied::all;
        if (touches_most(i, changed))
            replace_step(i);
        else
            applied = apply_step(i, changed);
        end_emitting(i);
        if (applied != Applied::all)
            return applied;
    }
    return Applied::all;
}

std::vector<scheduler::ChangedRows> Run::net_changes_by_source() const
{
    std::vector<scheduler::ChangedRows> changes;
    for (const Delta &delta : deltas_) {
        /* The copy of a foreign table represents it: its delta comes from a step. */
        Oid relid = delta.input.kind == engine::DeltaInput::Kind::source ? compiled_.sources[delta.input.index].relid
                                                                         : compiled_.steps[delta.input.index].heap;
        if (delta.count > 0)
            changes.push_back({relid, static_cast<double>(delta.count)});
    }
    return changes;
}

/* For AUTO: a step that recomputes touched keys is computed as a whole, and compared with the stored rows, if
 * the delta touches more than half of its keys: look-ups are more expensive than a scan, and unchanged rows
 * would be recomputed and looked up as well. */
bool Run::touches_most(int index, const engine::ChangedInputs &changed)
{
    CompiledStep &step = compiled_.steps[index];
    const std::vector<int> &keys = step.step.recomputed_by;
    if (!rules_of(compiled_.definition.mode).may_choose_full || keys.empty())
        return false;
    const std::vector<int64_t> rows = rows_of_inputs(step.step);
    if (std::accumulate(rows.begin(), rows.end(), int64_t{0}) <= small_delta_rows)
        return false;
    double all = call([&] {
        return step.facts.layout == storage::RowLayout::groups
                   ? storage::stored_rows(step.heap)
                   : storage::distinct_keys(step.heap, keys.data(), static_cast<int>(keys.size()));
    });
    KeptPlan once;
    const KeptPlan &plan = prepared([&]() -> const KeptPlan & {
        return touched_count_plan(compiled_, index, changed, is_worth_a_plan(step) ? &once : nullptr);
    });
    return static_cast<double>(number_of(plan)) > all / 2;
}

Applied Run::apply_step(int index, const engine::ChangedInputs &changed)
{
    CompiledStep &step = compiled_.steps[index];
    KeptPlan once;
    const KeptPlan &plan = prepared([&]() -> const KeptPlan & {
        return delta_plan(compiled_, index, changed, is_worth_a_plan(step) ? &once : nullptr);
    });
    storage::Arrangement *arrangement = call([&] { return storage::open_arrangement(step.heap, step.facts); });
    storage::DeltaSort *delta = call([&] {
        return storage::begin_delta_sort(step.delta, &arrangement->place, arrangement->place_in_delta, order_of(step));
    });
    storage::Replacements *replacements = nullptr;
    if (step.step.replaces_rows)
        replacements = call([&] { return storage::begin_replacements(arrangement, delta); });
    Applied applied = Applied::all;
    if (!run_until(plan, replacements != nullptr ? &replacements->receiver : &delta->receiver, give_up_at_))
        applied = Applied::gave_up;
    else if (!apply_sorted(index, arrangement, delta, replacements))
        applied = Applied::is_inconsistent;
    call([&] {
        if (replacements != nullptr)
            storage::end_replacements(replacements);
        storage::end_delta_sort(delta);
        if (applied == Applied::all)
            storage::check_uniqueness(arrangement);
        else if (is_storage(index))
            unchecked_ = arrangement->possible_duplicates;
        close(step, arrangement);
        if (applied != Applied::gave_up)
            storage::maintain_statistics(step.heap);
    });
    advance_command();
    return applied;
}

bool Run::apply_sorted(int index, storage::Arrangement *arrangement, storage::DeltaSort *delta,
                       storage::Replacements *replacements)
{
    call([&] {
        storage::finish_rows(delta);
        if (replacements != nullptr)
            storage::apply_replacements(arrangement, replacements, &emitter_);
    });
    if (compiled_.steps[index].step.layout == engine::Layout::groups)
        return apply_groups(index, arrangement, delta);
    return call([&] { return storage::apply_rows(arrangement, delta, &emitter_); });
}

bool Run::apply_groups(int index, storage::Arrangement *arrangement, storage::DeltaSort *delta)
{
    CompiledStep &step = compiled_.steps[index];
    storage::Touched touched{begin_rows(), step.touched, step.step.takes_merged_states, 0};
    bool is_consistent =
        call([&] { return storage::apply_groups(arrangement, step.groups, delta, &emitter_, &touched); });
    is_consistent = recompute(index, arrangement, touched,
                              [&](storage::DeltaSort *rows) {
                                  return storage::apply_recomputed(arrangement, rows, &emitter_, &touched);
                              }) &&
                    is_consistent;
    end_rows(touched.groups);
    return is_consistent;
}

template <class Take>
bool Run::recompute(int index, storage::Arrangement *arrangement, const storage::Touched &touched, Take take)
{
    if (touched.count == 0)
        return true;
    CompiledStep &step = compiled_.steps[index];
    const int column_count = static_cast<int>(touched.has_states ? step.step.columns.size() : step.key.size());
    register_rows(
        touched_name, touched.groups, touched.descriptor, touched.count,
        origin_of(
            step.heap, [&](int column) { return touched.has_states ? column : step.key[column]; }, column_count));
    KeptPlan once;
    const KeptPlan &plan = prepared([&]() -> const KeptPlan & {
        return recompute_plan(compiled_, index, is_worth_a_plan(step, touched) ? &once : nullptr);
    });
    storage::DeltaSort *rows = call([&] {
        return storage::begin_delta_sort(step.physical, &arrangement->place, arrangement->place_positions,
                                         order_of(step));
    });
    run(plan, &rows->receiver);
    bool is_complete = call([&] {
        storage::finish_rows(rows);
        bool all_came_back = take(rows);
        storage::end_delta_sort(rows);
        return all_came_back;
    });
    unregister_rows(touched_name);
    return is_complete;
}

bool Run::merge_deltas(storage::MergedGroups *merged)
{
    CompiledStep &step = compiled_.steps.front();
    KeptPlan once;
    const bool is_of_many = is_worth_a_plan(step);
    const KeptPlan &plan = prepared([&]() -> const KeptPlan & {
        return delta_plan(compiled_, 0, changed_inputs(step.step), is_of_many ? &once : nullptr);
    });
    if (is_of_many && is_full_cheaper(compiled_, 0, plan))
        return false;
    storage::Arrangement *arrangement =
        call([&] { return storage::open_arrangement(step.heap, step.facts, AccessShareLock); });
    storage::DeltaSort *delta = call([&] {
        return storage::begin_delta_sort(step.delta, &arrangement->place, arrangement->place_in_delta, order_of(step));
    });
    run(plan, &delta->receiver);
    storage::Touched touched{begin_rows(), step.touched, step.step.takes_merged_states, 0};
    bool is_complete = call([&] {
        storage::finish_rows(delta);
        return storage::merge_groups(arrangement, step.groups, delta, merged, &touched);
    });
    is_complete = is_complete && recompute(0, arrangement, touched, [&](storage::DeltaSort *rows) {
                      return storage::merge_recomputed(rows, merged, &touched);
                  });
    end_rows(touched.groups);
    call([&] {
        storage::end_delta_sort(delta);
        storage::close_arrangement(arrangement);
    });
    return is_complete;
}

void Run::replace_all()
{
    mailbox::Progress progress(definition::ShownAs::of(compiled_.relid()), compiled_.definition.owner);
    progress_ = &progress;
    for (int i = 0; i < static_cast<int>(compiled_.steps.size()); i++) {
        progress.begin_part(i + 1, static_cast<int>(compiled_.steps.size()));
        begin_emitting(i);
        emitter_.store = nullptr; /* the full statements read the arrangements themselves */
        replace_step(i);
        if (is_storage(i))
            end_emitting(i);
    }
    progress_ = nullptr;
}

void Run::run_counted(const KeptPlan &plan, DestReceiver *receiver, double rows_expected)
{
    if (progress_ == nullptr)
        return run(plan, receiver);
    progress_->enter(mailbox::Phase::computing, rows_expected > 0 ? rows_expected : expected_rows(plan));
    run(plan, call([&] { return begin_counting(receiver, progress_); }));
}

void Run::replace_step(int index)
{
    CompiledStep &step = compiled_.steps[index];
    const KeptPlan &plan = prepared([&]() -> const KeptPlan & { return full_plan(compiled_, index); });
    storage::Arrangement *arrangement = call([&] { return storage::open_arrangement(step.heap, step.facts); });
    if (call([=] { return storage::is_new_heap(arrangement->heap); })) {
        DestReceiver *receiver = call([&] { return storage::begin_fill(arrangement, &emitter_); });
        run_counted(plan, receiver, 0);
        if (progress_ != nullptr)
            progress_->enter(mailbox::Phase::indexing, 0);
        call([=] { storage::close_arrangement(arrangement); });
        build_indexes(compiled_.relid(), step.heap);
    } else {
        storage::DeltaSort *rows = call([&] {
            return storage::begin_delta_sort(step.physical, &arrangement->place, arrangement->place_positions,
                                             storage::DeltaOrder::hash);
        });
        run_counted(plan, &rows->receiver, call([&] { return storage::stored_rows(step.heap); }));
        call([&] {
            storage::finish_rows(rows);
            if (progress_ != nullptr)
                progress_->enter(mailbox::Phase::comparing, static_cast<double>(rows->row_count));
            storage::replace_content(arrangement, rows, &emitter_, progress_);
            storage::end_delta_sort(rows);
            if (is_storage(index))
                storage::note_duplicates_of(arrangement, std::exchange(unchecked_, nullptr));
            storage::check_uniqueness(arrangement);
            close(step, arrangement);
        });
    }
    call([&] { storage::maintain_statistics(step.heap); });
    advance_command();
}

} // namespace pgtrickle::refresh
