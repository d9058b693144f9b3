#include "refresh/run/member.hpp"

#include "capture/capture.hpp"
#include "pg/relation_name.hpp"
#include "refresh/program/scope.hpp"
#include "refresh/run/mode_choice.hpp"

extern "C" {
#include "access/xlog.h"
#include "utils/snapmgr.h"
}

namespace pgtrickle::refresh {

namespace {

/* PostgreSQL frame: the error's context. */
extern "C" void stream_table_error_context(void *definition)
{
    const auto *refreshed = static_cast<const Definition *>(definition);
    errcontext("refresh of stream table \"%s.%s\"", refreshed->schema_name.c_str(), refreshed->name.c_str());
}

/* Adds to errors which stream table was being refreshed. */
class ErrorContext {
  public:
    explicit ErrorContext(Definition &definition)
        : callback_{error_context_stack, stream_table_error_context, &definition}
    {
        error_context_stack = &callback_;
    }
    ~ErrorContext() { error_context_stack = callback_.previous; }
    ErrorContext(const ErrorContext &) = delete;
    ErrorContext &operator=(const ErrorContext &) = delete;

  private:
    ErrorContextCallback callback_;
};

/* Returns why a delta cannot be applied to the stored contents; empty if it can. */
std::string reason_to_start_over(const Member &member)
{
    const state::StateRow &state = member.state;
    if (!state.is_populated || state.frontier.empty())
        return "it has not been filled";
    if (state.needs_reinit)
        return state.reinit_reason.empty() ? "it was marked for reinitialization" : state.reinit_reason;
    if (!member.reinitialize_reason.empty())
        return member.reinitialize_reason;
    /* A policy may hide rows from a full refresh that it hides from no delta, so neither kind of refresh
     * continues from contents of the other. */
    if (state.is_incremental && *state.is_incremental == member.compiled->is_full_only())
        return member.compiled->is_full_only() ? "it can no longer be maintained by deltas"
                                               : "it can be maintained by deltas now";
    if (state.system_identifier != static_cast<int64_t>(call([] { return GetSystemIdentifier(); })))
        return "its frontier belongs to another cluster";
    return {};
}

Frontier frontier_of(const Member &member)
{
    return Frontier::from_text(member.state.frontier.c_str(), member.state.own_xid, member.state.own_seq);
}

bool is_ahead_of_cluster(const Frontier &frontier)
{
    return frontier.xmax > U64FromFullTransactionId(call([] { return ReadNextFullTransactionId(); }));
}

bool has_new_changes(const Compiled &compiled, const Frontier &frontier)
{
    for (const CompiledSource &source : compiled.sources)
        if (call([&] { return capture::has_changes(source.relid, frontier, GetActiveSnapshot()); }))
            return true;
    return false;
}

void warn_inconsistent(const Definition &definition)
{
    call([&] {
        ereport(WARNING,
                (errcode(ERRCODE_DATA_CORRUPTED),
                 errmsg("stream table %s.%s was inconsistent with its query and has been reinitialized",
                        quote_identifier(definition.schema_name.c_str()), quote_identifier(definition.name.c_str())),
                 errdetail("A row to be retracted was not found."),
                 errhint("Please report this as a bug of pg_trickle.")));
    });
}

/* Measures the time of a part of a run, without the preparation of statements. */
class RunStopwatch {
  public:
    explicit RunStopwatch(const Run &run) : run_(run) { restart(); }
    void restart() { started_at_ = GetCurrentTimestamp() - run_.preparing_us(); }
    int64_t us() const { return GetCurrentTimestamp() - run_.preparing_us() - started_at_; }

  private:
    const Run &run_;
    TimestampTz started_at_;
};

/* The snapshot may see a marker that was written when the capture of a source ended, after the sources were checked.
 * The frontier would include it, and what is written until the capture is repaired would be missing without a trace. */
void require_captured(const Compiled &compiled)
{
    for (const CompiledSource &source : compiled.sources)
        if (source.is_captured && !call([&] {
                return capture::is_captured_under(source.relid, source.columns.data(),
                                                  static_cast<int>(source.columns.size()), GetActiveSnapshot());
            }))
            raise_capture_stopped(compiled);
}

void refresh_fully(Member &member, Run &run, Action action)
{
    require_captured(*member.compiled);
    member.outcome.action = action;
    run.replace_all();
}

/* Refreshes as AUTO decides, and measures the refresh for later decisions. */
void refresh_as_chosen(Member &member, Run &run, ModeChoice &mode_choice)
{
    if (!run.is_unread())
        mode_choice.consider(run.net_changes_by_source());
    member.outcome.action = mode_choice.wants_full() ? Action::full : Action::differential;
    RunStopwatch stopwatch(run);
    if (!mode_choice.wants_full()) {
        Applied applied = run.apply_deltas(mode_choice.time_limit_us());
        mode_choice.note(scheduler::RefreshKind::delta, stopwatch.us(), applied == Applied::gave_up);
        if (applied == Applied::is_inconsistent) {
            warn_inconsistent(member.compiled->definition);
            member.outcome.reason = "a row to be retracted was not found";
            refresh_fully(member, run, Action::reinitialize);
        } else if (applied == Applied::gave_up) {
            member.outcome.action = Action::full;
            stopwatch.restart();
        }
    }
    if (member.outcome.action == Action::full) {
        refresh_fully(member, run, Action::full);
        mode_choice.note(scheduler::RefreshKind::full, stopwatch.us(), false);
        member.outcome.was_full_fallback = true;
    }
    if (member.outcome.action != Action::reinitialize)
        member.outcome.reason = mode_choice.reason();
    member.outcome.measured = mode_choice.measured();
}

/* Refreshes from the frontier if possible; otherwise returns why it is not. */
std::string refresh_from_frontier(Member &member, Run &run)
{
    Compiled &compiled = *member.compiled;
    Frontier frontier = frontier_of(member);
    if (is_ahead_of_cluster(frontier))
        return "its frontier is ahead of the cluster";
    if (const Source *source = compiled.definition.uncaptured_source()) {
        if (compiled.definition.mode != RefreshMode::full)
            member.outcome.reason =
                call([=] { return quoted_relation_name(source->relid); }) + std::string(" is not captured");
        refresh_fully(member, run, Action::full);
        return {};
    }
    if (compiled.is_full_only()) {
        if (compiled.is_time_dependent || compiled.depends_on_roles() || has_new_changes(compiled, frontier))
            refresh_fully(member, run, Action::full);
        return {};
    }
    ModeChoice mode_choice(compiled, member.state.generation);
    if (member.from != ComputedFrom::logged_changes)
        run.sum_all_changes();
    std::string reason =
        run.read_sources(frontier, mode_choice.max_rows_without_model(),
                         [&](const Run::Logged &logged) { return mode_choice.wants_full_unread(logged); });
    if (!reason.empty() || run.changed_rows() == 0)
        return reason;
    if (member.from == ComputedFrom::nothing) {
        member.outcome.was_full_fallback = true;
        member.outcome.reason = "the delta failed on values that the query itself does not evaluate";
        refresh_fully(member, run, Action::full);
    } else {
        refresh_as_chosen(member, run, mode_choice);
    }
    return {};
}

/* Computes the contents from nothing, for `reason`. The duration of a first fill is AUTO's only measurement
 * of a full refresh until there is another. */
void start_over(Member &member, Run &run, const std::string &reason)
{
    RunStopwatch stopwatch(run);
    member.outcome.is_fill = !member.state.is_populated;
    member.outcome.reason = member.outcome.is_fill ? "" : reason;
    refresh_fully(member, run, member.outcome.is_fill ? Action::full : Action::reinitialize);
    if (member.outcome.is_fill)
        member.outcome.measured = measured_fill(*member.compiled, stopwatch.us());
}

} // namespace

void raise_capture_stopped(const Compiled &compiled)
{
    raise({.sqlstate = ERRCODE_T_R_SERIALIZATION_FAILURE,
           .message = "the capture of a source was stopped while stream table \"" + compiled.definition.name +
                      "\" was being refreshed",
           .hint = "Try again."});
}

void refresh_member(Member &member)
{
    ErrorContext context(member.compiled->definition);
    member.outcome.started_at = GetCurrentTimestamp();
    member.outcome.action = Action::no_data;
    member.outcome.was_full_fallback = member.outcome.is_fill = false;
    member.outcome.reason.clear();
    member.outcome.measured.clear();
    member.outcome.generation = member.state.generation;
    Scope scope(member.compiled->definition);
    Run run(*member.compiled);
    std::string reason = reason_to_start_over(member);
    if (reason.empty())
        reason = refresh_from_frontier(member, run);
    if (!reason.empty())
        start_over(member, run, reason);
    run.finish();
    member.outcome.delta_rows = run.changed_rows();
    member.outcome.rows_inserted = run.inserted();
    member.outcome.rows_deleted = run.deleted();
    member.outcome.may_have_rows_to_place = member.compiled->steps.back().may_have_rows_to_place;
    member.outcome.ended_at = GetCurrentTimestamp();
}

} // namespace pgtrickle::refresh
