#include "refresh/member.hpp"

#include "capture/capture.hpp"
#include "definition/guc.hpp"
#include "refresh/run.hpp"
#include "refresh/scope.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/xlog.h"
#include "catalog/pg_class.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

namespace pgtrickle::refresh {

namespace {

/* A PostgreSQL frame: the error's context. */
extern "C" void tell_stream_table(void *definition)
{
    const auto *refreshed = static_cast<const Definition *>(definition);
    errcontext("refresh of stream table \"%s.%s\"", refreshed->schema_name.c_str(), refreshed->name.c_str());
}

/* Lets errors say which stream table was being refreshed. */
class ErrorContext {
  public:
    explicit ErrorContext(Definition &definition)
        : callback_{error_context_stack, tell_stream_table, &definition}
    {
        error_context_stack = &callback_;
    }
    ~ErrorContext() { error_context_stack = callback_.previous; }
    ErrorContext(const ErrorContext &) = delete;
    ErrorContext &operator=(const ErrorContext &) = delete;

  private:
    ErrorContextCallback callback_;
};

/* Why the stored content cannot be gone on from; empty: it can. */
std::string reason_to_start_over(const Member &member)
{
    const state::StateRow &state = member.state;
    if (!state.is_populated || state.frontier.empty())
        return "it has not been filled";
    if (state.needs_reinit)
        return state.reinit_reason.empty() ? "it was marked" : state.reinit_reason;
    if (!member.reinitialize_reason.empty())
        return member.reinitialize_reason;
    /* What a full refresh reads, a policy for one may hide from no delta. */
    if (state.kept_by_deltas && *state.kept_by_deltas == member.compiled->is_full_only())
        return member.compiled->is_full_only() ? "it can no longer be kept by deltas" : "it can be kept by deltas now";
    if (state.system_identifier != static_cast<int64_t>(call([] { return GetSystemIdentifier(); })))
        return "its frontier is another cluster's";
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

double estimated_base_rows(const Compiled &compiled)
{
    double rows = 0;
    for (const CompiledSource &source : compiled.sources)
        rows += call([&] {
            HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(source.relid));
            if (!HeapTupleIsValid(tuple))
                return 0.0;
            double estimate = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->reltuples;
            ReleaseSysCache(tuple);
            return estimate > 0 ? estimate : 0.0;
        });
    return rows;
}

/* AUTO: past a share of the base, computing from nothing is cheaper. */
bool is_full_cheaper(const Compiled &compiled, int64_t changed_rows)
{
    return compiled.definition.mode == RefreshMode::automatic && changed_rows > small_delta_rows &&
           static_cast<double>(changed_rows) >
               guc::differential_max_change_ratio * estimated_base_rows(compiled);
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
                 errmsg("stream table %s.%s had lost touch with its query and was reinitialized",
                        quote_identifier(definition.schema_name.c_str()), quote_identifier(definition.name.c_str())),
                 errdetail("A row to be retracted was not found."),
                 errhint("Please report this as a bug of pg_trickle.")));
    });
}

void refresh_fully(Member &member, Run &run, Action action)
{
    member.outcome.action = action;
    run.replace_all();
}

/* From the frontier, where that is possible. Returns why it is not. */
std::string refresh_from_frontier(Member &member, Run &run)
{
    Compiled &compiled = *member.compiled;
    Frontier frontier = frontier_of(member);
    if (is_ahead_of_cluster(frontier))
        return "its frontier is ahead of the cluster";
    if (compiled.is_full_only()) {
        if (compiled.is_restless || has_new_changes(compiled, frontier))
            refresh_fully(member, run, Action::full);
        return {};
    }
    std::string reason = run.read_sources(frontier);
    if (!reason.empty() || run.changed_rows() == 0)
        return reason;
    if (member.has_failed_delta || is_full_cheaper(compiled, run.changed_rows())) {
        member.outcome.was_full_fallback = true;
        refresh_fully(member, run, Action::full);
        return {};
    }
    member.outcome.action = Action::differential;
    if (!run.apply_deltas()) {
        warn_inconsistent(compiled.definition);
        refresh_fully(member, run, Action::reinitialize);
    }
    return {};
}

} // namespace

void refresh_member(Member &member)
{
    ErrorContext context(member.compiled->definition);
    member.outcome.started_at = GetCurrentTimestamp();
    member.outcome.action = Action::no_data;
    member.outcome.was_full_fallback = false;
    Scope scope(member.compiled->definition);
    Run run(*member.compiled);
    std::string reason = reason_to_start_over(member);
    if (reason.empty())
        reason = refresh_from_frontier(member, run);
    if (!reason.empty())
        refresh_fully(member, run, member.state.is_populated ? Action::reinitialize : Action::full);
    run.finish();
    member.outcome.delta_rows = run.changed_rows();
    member.outcome.rows_inserted = run.inserted();
    member.outcome.rows_deleted = run.deleted();
    member.outcome.ended_at = GetCurrentTimestamp();
}

} // namespace pgtrickle::refresh
