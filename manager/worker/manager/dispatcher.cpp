#include "worker/manager/dispatcher.hpp"

#include "definition/guc.hpp"
#include "definition/time_zone.hpp"
#include "mailbox/manager_side.hpp"
#include "mailbox/process_end.hpp"
#include "scheduler/graph/refresh_batch.hpp"
#include "worker/manager/debug_log.hpp"
#include "worker/refresher/code_of_owners.hpp"
#include "worker/refresher/refresher.hpp"

extern "C" {
#include "storage/latch.h"
}

#include <algorithm>
#include <utility>

namespace pgtrickle::worker {

namespace {

constexpr TimestampTz late_after_us = 1'000'000;

} // namespace

using scheduler::Id;
using scheduler::Ids;
using scheduler::Involved;
using scheduler::Job;
using scheduler::RequestedBy;
using scheduler::Task;

std::optional<TimestampTz> Dispatcher::next_at() const
{
    std::optional<TimestampTz> at = tasks_.first_due_after(dispatched_at_);
    if (no_longer_wait_at_ != 0)
        at = std::min(at.value_or(no_longer_wait_at_), no_longer_wait_at_);
    return at;
}

void Dispatcher::take_results()
{
    for (const Pool::Ended &ended : pool_.attend(GetCurrentTimestamp())) {
        const RunningJob *job = jobs_.job_of_worker(ended.worker);
        if (job == nullptr)
            continue;
        if (ended.has_declined) {
            results_.end_unbegun(*job, GetCurrentTimestamp());
            continue;
        }
        if (ended.result)
            results_.end(*job, scheduler::job_result_of(*ended.result));
        else
            results_.end(*job, std::nullopt);
    }
}

/* ---- selecting what to dispatch, and in which order ------------------------------------ */

void Dispatcher::dispatch()
{
    dispatched_at_ = GetCurrentTimestamp();
    no_longer_wait_at_ = 0;
    if (mailbox::is_asked_for_room() && !jobs_.has_long_job(GetCurrentTimestamp()))
        return pool_.want_no_worker();
    pool_.begin_round();
    bool is_all_begun = !upkeep_.is_late(GetCurrentTimestamp()) || dispatch_upkeep();
    if (is_all_begun && guc::enabled)
        is_all_begun = dispatch_overtaken() && dispatch_requested() && dispatch_due();
    if (is_all_begun && dispatch_upkeep())
        pool_.want_no_worker();
    pool_.end_round();
}

bool Dispatcher::dispatch_requested()
{
    Ids requested = requests_.wanted();
    std::set<Id> wanted(requested.begin(), requested.end()), seen;
    auto is_wanted = [&](Task &task) { return wanted.count(task.id) != 0; };
    for (Id id : requested) {
        if (seen.count(id) != 0 || jobs_.is_busy(id) || tasks_.find(id) == nullptr)
            continue;
        if (!dispatch_batch(id, {requests_.wanted_since(id), is_wanted, RequestedBy::reader, {}}, &seen))
            return false;
    }
    return true;
}

/* Begins the tasks that are late, and that a reader's job has overtaken; each that begins takes the turn of those after
 * it. */
bool Dispatcher::dispatch_overtaken()
{
    if (requests_.is_empty())
        return true;
    const TimestampTz now = GetCurrentTimestamp();
    std::set<Id> seen;
    const Ids late = tasks_.due(now - late_after_us);
    return std::all_of(late.begin(), late.end(), [&](Id id) {
        const bool is_its_turn = was_for_reader_ || served_.count(definitions_.owner_of(id)) != 0;
        return !is_its_turn || dispatch_due(id, now, &seen);
    });
}

bool Dispatcher::dispatch_due(Id id, TimestampTz now, std::set<Id> *seen)
{
    Task *task = tasks_.find(id);
    auto is_wanted = [&](Task &other) { return is_ready(other, now); };
    return seen->count(id) != 0 || jobs_.is_busy(id) || waits_for_share(id) || !is_ready(*task, now) ||
           dispatch_batch(id, {task->due_at, is_wanted, RequestedBy::scheduler, {}}, seen);
}

/* Stream tables whose preferred workers are free come first: an idle worker refreshes others when none of its own is
 * due, or when they have been due for `late_after_us` longer, as some worker may always have one that is due. */
bool Dispatcher::dispatch_due()
{
    TimestampTz now = GetCurrentTimestamp();
    queue_dependents(now);
    std::set<Id> seen;
    Ids without_preferred;
    size_t begun = 0;
    auto dispatch_others = [&](TimestampTz due_until) {
        for (; begun < without_preferred.size(); begun++) {
            const Id id = without_preferred[begun];
            if (tasks_.find(id)->due_at > due_until)
                return true;
            if (!dispatch_due(id, now, &seen))
                return false;
        }
        return true;
    };
    for (Id id : tasks_.due(now)) {
        const int preferred_worker = preferred_worker_of(id);
        const TimestampTz due_at = tasks_.find(id)->due_at;
        scheduler::Assignment found = pool_.choose_worker(preferred_worker, due_at, now, definitions_.owner_of(id));
        if (found.to == scheduler::Assignment::To::later)
            continue;
        if (found.to == scheduler::Assignment::To::another || found.number != preferred_worker)
            without_preferred.push_back(id);
        else if (!dispatch_others(due_at - late_after_us) || !dispatch_due(id, now, &seen))
            return false;
    }
    return dispatch_others(DT_NOEND);
}

bool Dispatcher::dispatch_upkeep()
{
    TimestampTz now = GetCurrentTimestamp();
    if (upkeep_.is_running() || !upkeep_.is_due(now))
        return true;
    Pool::Choice choice = pool_.choose(no_worker, upkeep_.due_since(), now, 0);
    if (choice.chance == Pool::Chance::its_own)
        return true;
    if (choice.chance == Pool::Chance::later)
        return false;
    start(choice, upkeep_.begin(now), {});
    return true;
}

/* A refresh of a stream table with its own schedule passes changes to its dependents that are as old as those
 * that it applies. Dependents for which these are already too old are refreshed in its job, not in a job of
 * their own after it. */
void Dispatcher::queue_dependents(TimestampTz now)
{
    const definition::DatabaseZone zone(call([] { return definition::published_time_zone(); }));
    for (Id id : tasks_.due(now)) {
        if (!definitions_.effective_schedule(id).has_own_schedule ||
            definitions_.graph().direct_downstreams(id).empty())
            continue;
        TimestampTz dirty_since = tasks_.own_pending_since(id);
        for (Id dependent : definitions_.graph().downstreams(id)) {
            Task *task = tasks_.find(dependent);
            if (task == nullptr || !task->is_idle() || dirty_since == 0 ||
                definitions_.owner_of(dependent) != definitions_.owner_of(id))
                continue;
            std::optional<TimestampTz> due = scheduler::due_at(*task, dirty_since, now, spacing_us(), zone);
            if (due && *due <= now)
                tasks_.queue(*task, now);
        }
    }
}

/* Whether a queued task must be refreshed at `now`; if not, moves it to its proper place. */
bool Dispatcher::is_ready(Task &task, TimestampTz now)
{
    if (!task.is_queued() || task.due_at > now)
        return false;
    if (!task.is_due_without_changes && !tasks_.is_released(task.id) && tasks_.pending_since(task.id) == 0) {
        tasks_.make_idle(task);
        return false;
    }
    const Trouble trouble = planner_.trouble_of(task.id, RequestedBy::scheduler);
    if (trouble.until > now && !trouble.is_suspended) {
        tasks_.queue(task, trouble.until);
        log_put_off(definitions_.at(task.id), definitions_.at(trouble.culprit), trouble.until);
    }
    return trouble.until <= now;
}

bool Dispatcher::waits_for_share(Id id) const
{
    return pool_.is_share_exhausted(definitions_.owner_of(id));
}

/* Begins the batch that contains `id`, unless a member is busy or the batch must wait: for its preferred
 * worker, for other owners' stream tables, or until its owner has fewer workers. Returns false if no process
 * is available for this or any other job. */
bool Dispatcher::dispatch_batch(Id id, const Wanted &wanted, std::set<Id> *seen)
{
    if (waits_for_share(id))
        return true;
    const PlannedBatch batch = planner_.plan(id, wanted, seen);
    bool is_waiting = false;
    const Ids needed = planner_.needed_before(batch, wanted, &is_waiting);
    if (is_waiting) {
        const TimestampTz until = BatchPlanner::wait_until(wanted, GetCurrentTimestamp());
        no_longer_wait_at_ = no_longer_wait_at_ == 0 ? until : std::min(no_longer_wait_at_, until);
    }
    return needed.empty() ? begin(batch, wanted) : dispatch_before(needed, batch, wanted, seen);
}

/* Begins the jobs that are needed before; the members wait. A needed stream table that has failed or was
 * locked is retried when it is due. Returns false as dispatch_batch() does. */
bool Dispatcher::dispatch_before(const Ids &needed, const PlannedBatch &batch, const Wanted &wanted, std::set<Id> *seen)
{
    const TimestampTz now = GetCurrentTimestamp();
    auto is_put_off = [&](Id id) {
        const Task *task = tasks_.find(id);
        return task->is_queued() && task->due_at > now && (task->failures > 0 || tasks_.is_locked(id));
    };
    const std::set<Id> all(needed.begin(), needed.end());
    Wanted before = wanted;
    before.is_wanted = [&](Task &task) { return all.count(task.id) != 0 || wanted.is_wanted(task); };
    before.for_released = batch.for_released;
    if (wanted.requested_by == RequestedBy::reader)
        before.serves.insert(before.serves.end(), batch.members.begin(), batch.members.end());
    return std::all_of(needed.begin(), needed.end(), [&](Id id) {
        return jobs_.is_busy(id) || seen->count(id) != 0 || is_put_off(id) || dispatch_batch(id, before, seen);
    });
}

/* ---- one job -------------------------------------------------------------------------- */

bool Dispatcher::was_locked(const Ids &members) const
{
    return std::any_of(members.begin(), members.end(), [&](Id id) { return tasks_.is_locked(id); });
}

int Dispatcher::preferred_worker_of(Id id) const
{
    auto found = preferred_workers_.find(id);
    return found == preferred_workers_.end() ? no_worker : found->second;
}

/* The worker that most of the members prefer. */
int Dispatcher::preferred_worker_of(const Ids &members) const
{
    std::map<int, int> votes;
    int preferred_worker = no_worker;
    for (Id member : members)
        if (int worker = preferred_worker_of(member); ++votes[worker] > votes[preferred_worker])
            preferred_worker = worker;
    return preferred_worker;
}

/* Returns false as dispatch_batch() does. */
bool Dispatcher::begin(const PlannedBatch &batch, const Wanted &wanted)
{
    const Ids &members = batch.members;
    RunningJob running;
    running.members = members;
    running.involved = scheduler::with_upstreams(definitions_.graph(), members);
    running.occupied = planner_.occupied_by(batch, running.involved);
    running.serves = wanted.serves;
    if (jobs_.is_busy(running.occupied))
        return true;
    /* Only one job at a time waits for locks of other sessions: such jobs would occupy all workers, and the
     * turns of all databases. Other jobs with locked stream tables only try the locks, and a reader's job is
     * postponed. */
    const bool is_doubtful = was_locked(members), is_waiting = jobs_.is_waiting_for_locks();
    const bool is_for_reader = wanted.requested_by == RequestedBy::reader;
    if (is_doubtful && is_waiting && is_for_reader)
        return true;
    Pool::Choice choice = pool_.choose(preferred_worker_of(members), wanted.since, GetCurrentTimestamp(), batch.owner);
    if (choice.chance == Pool::Chance::its_own || choice.chance == Pool::Chance::its_share)
        return true;
    if (choice.chance == Pool::Chance::later)
        return false;
    Job job = make_job(running.involved, batch, wanted.requested_by);
    job.no_lock_wait = !is_for_reader && (is_doubtful ? is_waiting : tasks_.has_locked());
    running.waits_for_locks = is_doubtful && !job.no_lock_wait;
    start(choice, std::move(job), std::move(running));
    return true;
}

Job Dispatcher::make_job(const Ids &involved, const PlannedBatch &batch, RequestedBy requested_by)
{
    Job job;
    job.requested_by = requested_by;
    job.atomic_sets = definitions_.atomic_sets().among(involved);
    job.groups = planner_.refresh_groups_of(batch.members);
    for (size_t i = 0; i < involved.size(); i++) {
        Involved item = involved_of(involved[i]);
        Assert(i >= batch.members.size() || item.owner == batch.owner);
        item.role = i >= batch.members.size()             ? Involved::Role::upstream
                    : batch.requested.count(item.id) != 0 ? Involved::Role::requested
                    : batch.optional.count(item.id) != 0  ? Involved::Role::optional
                                                          : Involved::Role::required;
        job.involved.push_back(std::move(item));
    }
    return job;
}

Involved Dispatcher::involved_of(Id id)
{
    const Known &known = definitions_.at(id);
    Involved item;
    item.id = id;
    item.is_time_dependent = known.is_time_dependent;
    item.is_program_written = known.is_program_written;
    item.refresh_timeout_ms = known.refresh_timeout_ms;
    item.owner = known.owner;
    item.process_end = mailbox::process_end_of(id);
    item.generation = known.generation;
    item.schema_name = known.schema_name;
    item.name = known.name;
    item.sources = definitions_.graph().sources(id);
    if (const Task *task = tasks_.find(id)) {
        item.failures = task->failures;
        item.retries = task->retries;
    }
    return item;
}

/* Number of transactions that have changed the busiest of the sources since a job last read it. */
int64_t Dispatcher::count_commits(const Ids &involved)
{
    const scheduler::Graph &graph = definitions_.graph();
    uint64_t most = 0;
    for (Id id : involved)
        for (Id source : graph.sources(id)) {
            if (graph.contains(source))
                continue;
            uint32_t slot = mailbox::slot_of_source(source);
            uint64_t count = mailbox::commits_of(slot);
            auto [read, is_new] = commits_read_.emplace(slot, count);
            most = std::max(most, count - read->second);
            read->second = count;
        }
    return static_cast<int64_t>(most);
}

void Dispatcher::start(const Pool::Choice &choice, Job job, RunningJob begun)
{
    begun.began_at = GetCurrentTimestamp();
    begun.kind = job.kind;
    begun.worker = choice.worker;
    begun.commits = count_commits(begun.involved);
    if (job.kind == Job::Kind::refresh)
        note_turn(definitions_.owner_of(begun.members.front()), job.requested_by == RequestedBy::reader);
    if (!requests_.is_empty())
        for (Id id : begun.involved)
            if (const mailbox::MailboxStatus known = mailbox::status_of(id); !known.is_current())
                begun.pending.emplace(id, known.stale_since());
    const RunningJob &running = jobs_.add(std::move(begun));
    for (Id id : running.members) {
        tasks_.start(id);
        pool_.move({id}, std::exchange(preferred_workers_[id], choice.worker), choice.worker);
    }
    if (choice.chance == Pool::Chance::worker)
        job.taken = pool_.take_reassigned(choice.worker);
    log_begin(job, choice.chance == Pool::Chance::worker ? pool_.pid_of(choice.worker) : 0);
    if (choice.chance == Pool::Chance::worker) {
        pool_.send(choice.worker, scheduler::to_bytes(job));
        return;
    }
    run_here(job, running);
    /* The loop must serve waiting readers without delay. */
    SetLatch(MyLatch);
}

void Dispatcher::note_turn(Id owner, bool is_for_reader)
{
    was_for_reader_ = is_for_reader;
    if (is_for_reader)
        served_.insert(owner);
    else
        served_.erase(owner);
}

bool Dispatcher::has_to_be_replaced() const
{
    constexpr TimestampTz longest_wait_us = 60 * USECS_PER_SEC;
    return wanted_since_ != 0 && (jobs_.is_empty() || GetCurrentTimestamp() > wanted_since_ + longest_wait_us);
}

void Dispatcher::run_here(const Job &job, const RunningJob &running)
{
    if (!takes_code_of(job)) {
        pool_.end_own_turn();
        const TimestampTz now = GetCurrentTimestamp();
        results_.end_unbegun(running, now + USECS_PER_SEC);
        wanted_since_ = wanted_since_ == 0 ? now : wanted_since_;
        return;
    }
    requests_.publish_serving_processes();
    Refresher refresher(job, Refresher::Process::manager);
    scheduler::JobResult result = refresher.run();
    pool_.end_own_turn();
    results_.end(running, result);
}

} // namespace pgtrickle::worker
