#include "refresh/refresh.hpp"

#include "capture/log/chunk.hpp"
#include "capture/log/log_state.hpp"
#include "definition/state/frontier.hpp"
#include "pg/attempt.hpp"
#include "refresh/batch/batch.hpp"
#include "refresh/batch/excluded_members.hpp"
#include "refresh/batch/repeatable_read.hpp"
#include "refresh/log_report.hpp"
#include "refresh/program/scope.hpp"
#include "refresh/run/value_error.hpp"
#include "refresh/sets/refresh_sets.hpp"
#include "storage/statistics.hpp"

extern "C" {
#include "access/xlog.h"
#include "storage/sinval.h"
#include "utils/fmgrprotos.h"
#include "utils/inval.h"
#include "utils/snapmgr.h"
}

#include <algorithm>
#include <set>
#include <utility>

namespace pgtrickle::refresh {

namespace {

bool is_among(const std::vector<Oid> &relids, Oid relid)
{
    return std::find(relids.begin(), relids.end(), relid) != relids.end();
}

bool is_to_be_filled(const Member &member)
{
    return !member.state.is_populated;
}

/* In REPEATABLE READ the snapshot may be older than the capture of a source: changes that were committed in
 * between are neither visible under it nor in the log. A fill therefore takes a snapshot of its own, after
 * the locks. Other members are continued under the transaction's snapshot, which may not see what other transactions
 * have just written to them. So no refresh does both: the named stream tables decide, which are all populated or all
 * unpopulated, and members that differ are skipped; but populated ones come before a fill (continue_upstreams()). */
bool is_fill(const Batch &batch, const BatchRequest &request)
{
    return std::any_of(batch.members.begin(), batch.members.end(), [&](const Member &member) {
        return is_to_be_filled(member) && is_among(request.members, member.compiled->relid());
    });
}

void require_no_reinitialization(const Batch &batch)
{
    for (const Member &member : batch.members)
        if (member.state.needs_reinit || !member.reinitialize_reason.empty())
            raise({.sqlstate = ERRCODE_T_R_SERIALIZATION_FAILURE,
                   .message = "could not refresh stream table \"" + member.compiled->definition.name +
                              "\" under this transaction's snapshot",
                   .detail = "The stream table must be reinitialized, and this snapshot predates some changes that "
                             "were not captured.",
                   .hint = "Refresh it in a READ COMMITTED transaction, or retry after the manager has refreshed it."});
}

/* Whether the member reads a stream table that is filled in this refresh, or is in a set with one of `left`. */
bool must_be_left(const Batch &batch, const Member &member, const std::set<Oid> &filled, const std::set<Oid> &left)
{
    const Oid relid = member.compiled->relid();
    auto is_filled = [&](const CompiledSource &source) { return filled.count(source.relid) != 0; };
    auto is_left = [&](Oid other) { return left.count(other) != 0; };
    const std::vector<Oid> &group = refresh_sets().group_of(relid);
    const auto &set = batch.atomic_sets.of(relid);
    return std::any_of(member.compiled->sources.begin(), member.compiled->sources.end(), is_filled) ||
           std::any_of(group.begin(), group.end(), is_left) || std::any_of(set.begin(), set.end(), is_left);
}

/* Removes the populated members from a batch that fills, and returns them, but those that read what is filled, and sets
 * of these: they are in batch.skipped.upstreams. */
std::vector<Member> take_populated(Batch &batch)
{
    std::set<Oid> filled, left;
    for (const Member &member : batch.members)
        if (is_to_be_filled(member))
            filled.insert(member.compiled->relid());
    for (size_t before = SIZE_MAX; before != left.size();) {
        before = left.size();
        for (const Member &member : batch.members)
            if (!is_to_be_filled(member) && must_be_left(batch, member, filled, left))
                left.insert(member.compiled->relid());
    }
    std::vector<Member> populated;
    for (const Member &member : batch.members)
        if (!is_to_be_filled(member) && left.count(member.compiled->relid()) == 0)
            populated.push_back(member);
    batch.skipped.upstreams.insert(batch.skipped.upstreams.end(), left.begin(), left.end());
    std::erase_if(batch.members, [](const Member &member) { return !is_to_be_filled(member); });
    return populated;
}

/* Capture is stopped without waiting for refreshes. A writer that is no longer captured has processed the
 * invalidation before it commits: if the snapshot sees its rows, the message has arrived here. */
void require_still_captured(const Batch &batch)
{
    call([] { AcceptInvalidationMessages(); });
    for (const Member &member : batch.members) {
        if (!member.compiled->is_stale)
            continue;
        for (const CompiledSource &source : member.compiled->sources)
            if (source.is_captured && !source.is_compared && !call([&] { return capture::is_logged(source.relid); }))
                raise_capture_stopped(*member.compiled);
    }
}

/* Writes the new frontier. Allocates in the current context. */
void write_state(Member &member, const Frontier &frontier, TimestampTz data_timestamp)
{
    std::string text = frontier.to_text();
    const bool is_suspended = call([&] {
        Datum values[state::column_count] = {};
        bool nulls[state::column_count] = {};
        bool replaces[state::column_count] = {};
        auto set = [&](state::Column column, Datum value) {
            values[column - 1] = value;
            replaces[column - 1] = true;
        };
        auto set_null = [&](state::Column column) {
            nulls[column - 1] = true;
            replaces[column - 1] = true;
        };
        set(state::frontier, DirectFunctionCall1(pg_snapshot_in, CStringGetDatum(text.c_str())));
        set(state::own_xid, UInt64GetDatum(frontier.own_xid));
        set(state::own_seq, Int32GetDatum(frontier.own_seq));
        set(state::system_identifier, Int64GetDatum(GetSystemIdentifier()));
        set(state::data_timestamp, TimestampTzGetDatum(data_timestamp));
        set(state::is_populated, BoolGetDatum(true));
        set(state::is_incremental, BoolGetDatum(!member.compiled->is_full_only()));
        set(state::collation_versions, CStringGetTextDatum(member.compiled->collation_versions.c_str()));
        set(state::status, CStringGetTextDatum(state::name_of(state::Status::active)));
        set(state::consecutive_errors, Int32GetDatum(0));
        set(state::last_refresh_at, TimestampTzGetDatum(GetCurrentTimestamp()));
        set_null(state::last_error_message);
        const bool is_now_suspended = state::update_after_refresh(member.compiled->relid(), values, nulls, replaces);
        state::remove_applied_marks(member.compiled->relid(), member.state.marks.data(),
                                    static_cast<int>(member.state.marks.size()));
        return is_now_suspended;
    });
    if (is_suspended)
        member.state.status = state::Status::suspended;
}

/* Whether the answer may change without a captured change. */
bool is_time_dependent(const Compiled &compiled)
{
    return compiled.is_time_dependent || !compiled.is_captured() ||
           std::any_of(compiled.sources.begin(), compiled.sources.end(),
                       [](const CompiledSource &source) { return source.is_compared; });
}

/* Whether nothing is new and nothing is wrong: the row stays as it is, and no WAL is written. The row of a
 * time-dependent stream table is written, since its query was evaluated again. */
bool is_state_unchanged(const Member &member)
{
    return !is_time_dependent(*member.compiled) && member.outcome.action == Action::no_data &&
           member.state.consecutive_errors == 0 && member.state.status != state::Status::error &&
           member.state.marks.empty();
}

void record_in_mailbox(const Batch &batch, const Member &member)
{
    std::vector<mailbox::Reading> readings;
    for (const CompiledSource &source : member.compiled->sources)
        readings.push_back({source.relid, source.is_stream_table, batch.seen(source.relid)});
    if (member.compiled->depends_on_roles())
        readings.push_back({mailbox::roles, false, batch.seen(mailbox::roles)});
    Oid relid = member.compiled->relid();
    mailbox::record_refresh(
        relid, batch.seen(relid), readings.data(), static_cast<int>(readings.size()),
        {is_time_dependent(*member.compiled), rules_of(member.compiled->definition.mode).is_immediate});
    mailbox::State state;
    state.is_populated = true;
    state.is_suspended = member.state.status == state::Status::suspended;
    mailbox::note_state(relid, state);
}

void run_members(Batch &batch)
{
    for (Member &member : batch.members) {
        as_part_of(member.compiled->relid(), member.outcome.action, [&] { refresh_member(member); });
        if (member.outcome.rows_inserted + member.outcome.rows_deleted > 0)
            mailbox::note_change(member.compiled->relid());
        call([&] { storage::show_size(member.compiled->relid(), member.compiled->steps.back().heap); });
    }
}

/* Returns false if there is no other way to compute the member. */
bool take_next_way(Member &member)
{
    const std::vector<CompiledSource> &sources = member.compiled->sources;
    const bool is_any_unsummed = std::any_of(sources.begin(), sources.end(),
                                             [](const CompiledSource &source) { return source.is_summed_by_step; });
    if (member.from == ComputedFrom::nothing)
        return false;
    member.from = member.from == ComputedFrom::logged_changes && is_any_unsummed ? ComputedFrom::net_changes
                                                                                 : ComputedFrom::nothing;
    return true;
}

/* Returns false if the error belongs to the query itself, or has nothing to do with its values. */
bool may_recompute(Batch &batch, const MemberError &error)
{
    if (error.action != Action::differential || !is_about_values(*error.data))
        return false;
    for (Member &member : batch.members)
        if (member.compiled->relid() == error.relid)
            return take_next_way(member);
    return false;
}

/* A refresh fails only if the query does. The delta of a join pairs new rows of one side with old rows of the
 * other, and a log contains values that have left their source: these rows cancel out, but an expression may
 * fail on them. A member with a failed delta is therefore computed from net changes, and then from nothing, together
 * with all others as before: the batch has one snapshot. A failing member of a refresh group stops no others. */
void run_members_until_done(Batch &batch, const BatchRequest &request)
{
    if (std::all_of(batch.members.begin(), batch.members.end(), is_to_be_filled))
        return run_members(batch);
    for (;;) {
        try {
            return in_subtransaction([&] { run_members(batch); });
        } catch (const MemberError &error) {
            if (is_interrupt(error))
                throw;
            if (may_recompute(batch, error))
                continue;
            if (!exclude_failed(batch, request, error.relid))
                throw;
            batch.skipped.failed.push_back(error);
        }
    }
}

/* Returns the time as of which the upstreams that are not members, and the members that read such upstreams,
 * answer their queries. Members are in topological order. */
TimestampTz oldest_read(const Batch &batch, const Member &member)
{
    TimestampTz oldest = DT_NOEND;
    for (const CompiledSource &source : member.compiled->sources) {
        if (source.is_stream_table)
            oldest = std::min(oldest, batch.as_of(source.relid));
    }
    return oldest;
}

/* A member that has failed is none any more, and has applied nothing. */
void write_states(Batch &batch, const HoldsOfBatch &holds, TimestampTz data_timestamp)
{
    /* Taken after the last chunk that any member wrote: members that read these chunks have read them. */
    Frontier frontier = Frontier::of_snapshot(GetActiveSnapshot(), capture::own_seq());
    for (Member &member : batch.members) {
        record_applied_watermarks(holds.holds, holds.graph, member.compiled->relid());
        member.outcome.data_timestamp = std::min(data_timestamp, oldest_read(batch, member));
        if (!is_state_unchanged(member))
            write_state(member, frontier, member.outcome.data_timestamp);
    }
}

} // namespace

namespace {

enum class Under {
    new_snapshot,
    own_snapshot, /* of a transaction with a fixed one, which is older than the observed counters */
};

/* Refreshes the members, which are locked, under one snapshot. Leaves trees locked. */
std::vector<Outcome> refresh_members(Batch &batch, const BatchRequest &request, Under under)
{
    const uint64 invalidations = SharedInvalidMessageCounter;
    const bool has_older_snapshot = under == Under::own_snapshot;
    TimestampTz data_timestamp = GetCurrentTimestamp();
    if (IsolationUsesXactSnapshot())
        find_excluded_upstreams(batch);
    if (has_older_snapshot) { /* the snapshot is not older than the start of the transaction */
        data_timestamp = GetCurrentTransactionStartTimestamp();
        require_no_reinitialization(batch);
    }
    call([=] {
        const bool needs_later = IsolationUsesXactSnapshot() && !has_older_snapshot;
        PushCopiedSnapshot(needs_later ? GetLatestSnapshot() : GetTransactionSnapshot());
    });
    if (has_older_snapshot)
        require_snapshot_serves(batch);
    require_still_captured(batch);
    const HoldsOfBatch holds = exclude_held(batch, request);
    run_members_until_done(batch, request);
    await_watched_trees(batch);
    call([] { AcceptInvalidationMessages(); });
    /* Each statement has been planned with the catalogs as of the invalidations that have arrived here. */
    if (has_older_snapshot || SharedInvalidMessageCounter != invalidations) {
        require_watched_trees(batch);
        require_no_newer_constraint(batch);
    }
    write_states(batch, holds, data_timestamp);
    keep_logs_of_new_contents(batch);
    report(batch);
    call([] { PopActiveSnapshot(); });
    /* Counters that were observed after the snapshot was taken say nothing about it. */
    std::vector<Outcome> outcomes;
    for (const Member &member : batch.members) {
        if (!has_older_snapshot)
            record_in_mailbox(batch, member);
        outcomes.push_back(member.outcome);
    }
    return outcomes;
}

/* Refreshes the populated members of a batch that fills, under the transaction's snapshot. Where that does not serve
 * them, the fills read them as they stand, and batch.skipped.upstreams has them. */
std::vector<Outcome> continue_upstreams(Batch &batch, const BatchRequest &request)
{
    const std::vector<Member> populated = take_populated(batch);
    if (populated.empty())
        return {};
    Batch upstreams = batch;
    upstreams.members = populated;
    std::vector<Outcome> outcomes;
    try {
        in_subtransaction([&] { outcomes = refresh_members(upstreams, request, Under::own_snapshot); });
        batch.skipped = upstreams.skipped;
    } catch (const PgError &error) {
        if (error.data->sqlerrcode != ERRCODE_T_R_SERIALIZATION_FAILURE)
            throw;
        for (const Member &member : populated)
            batch.skipped.upstreams.push_back(member.compiled->relid());
    }
    return outcomes;
}

std::vector<Outcome> refresh_batch_openly(const BatchRequest &request, SkippedMembers *skipped)
{
    call([] { require_none_running(); });
    discard_stale();
    capture::ReadLocks logs;
    Batch batch = lock_batch(request, logs);
    if (skipped != nullptr)
        *skipped = batch.skipped;
    if (batch.members.empty())
        return {};
    const bool is_fixed = IsolationUsesXactSnapshot() && !request.is_at_commit;
    const bool fills = is_fixed && is_fill(batch, request);
    std::vector<Outcome> outcomes;
    if (fills)
        outcomes = continue_upstreams(batch, request);
    else if (is_fixed)
        std::erase_if(batch.members, is_to_be_filled);
    const std::vector<Outcome> own =
        refresh_members(batch, request, is_fixed && !fills ? Under::own_snapshot : Under::new_snapshot);
    outcomes.insert(outcomes.end(), own.begin(), own.end());
    if (skipped != nullptr)
        *skipped = batch.skipped;
    unlock_trees(batch);
    return outcomes;
}

[[noreturn]] void rethrow_without_texts(const MemberError &error, const BatchRequest &request)
{
    try {
        raise_without_texts(*error.whole, error.hidden_as, "refresh", !request.is_at_commit);
    } catch (const PgError &hidden) {
        MemberError shown = error;
        shown.data = hidden.data;
        throw shown;
    }
}

} // namespace

std::vector<Outcome> refresh_batch(const BatchRequest &request, SkippedMembers *skipped)
{
    try {
        return refresh_batch_openly(request, skipped);
    } catch (const MemberError &error) {
        if (error.hidden_as.empty() || error.is_public)
            throw;
        rethrow_without_texts(error, request);
    }
}

namespace {

Outcome fill(const BatchRequest &request)
{
    for (const Outcome &outcome : refresh_batch(request))
        if (outcome.relid == request.members.front())
            return outcome;
    raise({.message = "stream table was not refreshed"});
}

} // namespace

Outcome initialize(Oid relid)
{
    return fill({.members = {relid}});
}

Outcome initialize_alone(Oid relid)
{
    return fill({.members = {relid}, .reach = Reach::named});
}

void follow_changes_alone(Oid relid)
{
    (void)refresh_batch({.members = {relid}, .requested_by = scheduler::RequestedBy::scheduler, .reach = Reach::named});
}

void follow_changes(Oid relid)
{
    (void)refresh_batch({.members = {relid}, .requested_by = scheduler::RequestedBy::scheduler});
}

void catch_up_alone(Oid relid)
{
    refresh_sets().process_invalidations();
    refresh_sets().read_sets_around({relid});
    if (refresh_batch({.members = {relid},
                       .reach = Reach::named,
                       .atomic_sets = refresh_sets().atomic_sets(),
                       .groups = {refresh_sets().group_of(relid)}})
            .empty())
        raise({.sqlstate = ERRCODE_T_R_SERIALIZATION_FAILURE,
               .message = "stream table " + std::string(call([=] { return definition::qualified_name(relid); })) +
                          " was suspended, or became a member of a set, while it was being altered",
               .hint = "Try again."});
}

} // namespace pgtrickle::refresh
