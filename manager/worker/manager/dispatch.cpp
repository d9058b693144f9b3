/*
 * From what is asked for and what is due to jobs, and from their results back to the tasks.
 */
#include "definition/guc.hpp"
#include "definition/time_zone.hpp"
#include "scheduler/graph/refresh_batch.hpp"
#include "worker/manager/manager.hpp"
#include "worker/refresher/refresher.hpp"
#include "worker/manager/debug_log.hpp"

extern "C" {
#include "storage/latch.h"
}

#include <algorithm>
#include <iterator>

namespace pgtrickle::worker {

using scheduler::Candidate;
using scheduler::Id;
using scheduler::Ids;
using scheduler::RequestedBy;
using scheduler::Involved;
using scheduler::Job;
using scheduler::MemberResult;
using scheduler::Task;
using scheduler::Verdict;

namespace {

TimestampTz spacing_us()
{
    return static_cast<TimestampTz>(guc::scheduler_interval_ms) * 1000;
}

} // namespace

void Manager::note_trouble(const Task &task)
{
    if (task.failures > 0 || task.is_suspended)
        troubled_.insert(task.id);
    else
        troubled_.erase(task.id);
}

/* Whoever is refreshed together with one that has failed waits for it, to go with it or after it; and an atomic diamond
 * goes as a whole or not at all. */
Manager::Trouble Manager::trouble_of(Id id, RequestedBy requested_by)
{
    Trouble trouble;
    if (troubled_.empty())
        return trouble;
    for (Id other : with_required({id}, requested_by)) {
        const Task *task = queue_.find(other);
        if (task == nullptr || (!task->is_suspended && task->failures == 0))
            continue;
        if (task->is_suspended)
            return {other, true, DT_NOEND};
        if (task->not_before > trouble.until)
            trouble = {other, false, task->not_before};
    }
    return trouble;
}

/* Whether a queued one is really to be refreshed at `now`; if not, it is put where it belongs. */
bool Manager::is_ready(Task &task, TimestampTz now)
{
    if (!task.is_queued() || task.due_at > now)
        return false;
    if (!task.is_due_when_clean && !known_.at(task.id).is_released && pending_since(task.id) == 0) {
        make_idle(task);
        return false;
    }
    const Trouble trouble = trouble_of(task.id, RequestedBy::scheduler);
    if (trouble.until > now && !trouble.is_suspended) {
        queue_.queue(task, trouble.until);
        tell_put_off(known_[task.id], known_[trouble.culprit], trouble.until);
    }
    return trouble.until <= now;
}

/* The batch, and who is refreshed because it is: what is read, unless it keeps its pace and no reader has asked, or is
 * suspended; and who is bound to any of them, suspended or not. With `owners`, only what they own of what is read. */
Ids Manager::with_required(const Ids &batch, RequestedBy requested_by, const Ids *owners)
{
    return scheduler::with_required(graph_, effective_schedules_.atomic_sets(), batch, [&](Id id) {
        if (owners != nullptr && std::find(owners->begin(), owners->end(), owner_of(id)) == owners->end())
            return false;
        const Task *task = queue_.find(id);
        bool is_in_use = task != nullptr && (!task->is_suspended || !effective_schedules_.atomic_sets().of(id).empty());
        return is_in_use && (requested_by == RequestedBy::reader || !effective_schedules_.of(id).has_own_schedule);
    });
}

/* One that keeps its pace hands its readers changes as old as its own dirt. Those for which that is too old already are
 * refreshed with it, and not in a job of their own after it. */
void Manager::pull_readers(TimestampTz now)
{
    const definition::DatabaseZone zone(call([] { return definition::told_time_zone(); }));
    for (Id id : queue_.due(now)) {
        if (!effective_schedules_.of(id).has_own_schedule)
            continue;
        TimestampTz dirty_since = own_pending_since(id);
        for (Id reader : graph_.downstreams(id)) {
            Task *task = queue_.find(reader);
            if (task == nullptr || !task->is_idle() || dirty_since == 0 || party_of(reader) != party_of(id))
                continue;
            std::optional<TimestampTz> due = scheduler::due_at(*task, dirty_since, now, spacing_us(), zone);
            if (due && *due <= now)
                queue_.queue(*task, now);
        }
    }
}

bool Manager::is_busy(const Ids &occupied) const
{
    return std::any_of(occupied.begin(), occupied.end(), [&](Id id) { return busy_.count(id) != 0; });
}

bool Manager::was_locked(const Ids &members) const
{
    return std::any_of(members.begin(), members.end(), [&](Id id) { return locked_.count(id) != 0; });
}

bool Manager::is_somebody_waiting_for_locks() const
{
    return std::any_of(running_.begin(), running_.end(), [](const RunningJob &job) { return job.waits_for_locks; });
}

/* Whoever is of a refresh group with one of them, and comes along or stays for a reason that lasts: not one that is being
 * refreshed, nor one that is yet to be read. */
std::vector<Ids> Manager::groups_of(const Ids &members)
{
    std::vector<Ids> groups;
    std::set<Id> seen;
    for (Id member : members) {
        auto group_members = group_members_.find(member);
        if (group_members == group_members_.end() || !seen.insert(group_members->second.front()).second)
            continue;
        Ids &group = groups.emplace_back();
        for (Id member : group_members->second)
            if (const Task *task = queue_.find(member); task != nullptr && !task->is_running)
                group.push_back(member);
    }
    return groups;
}

Job Manager::make_job(const Ids &involved, size_t member_count, const std::set<Id> &wanted,
                      const std::set<Id> &companions, RequestedBy requested_by)
{
    Job job;
    job.requested_by = requested_by;
    for (size_t i = 0; i < involved.size(); i++) {
        const Known &known = known_.at(involved[i]);
        Involved item;
        item.id = involved[i];
        item.role = i >= member_count                    ? Involved::Role::upstream
                    : wanted.count(involved[i]) != 0     ? Involved::Role::requested
                    : companions.count(involved[i]) != 0 ? Involved::Role::optional
                                                         : Involved::Role::required;
        item.is_restless = known.is_restless;
        item.is_program_written = known.is_program_written;
        item.refresh_timeout_ms = known.refresh_timeout_ms;
        item.owner = known.owner;
        item.has_overrun = known.has_overrun;
        item.goes_alone = known.goes_alone;
        item.generation = known.generation;
        item.schema_name = known.schema_name;
        item.name = known.name;
        item.sources = graph_.sources(involved[i]);
        if (const Task *task = queue_.find(involved[i]))
            item.failures = task->failures;
        job.involved.push_back(std::move(item));
    }
    return job;
}

/* The worker that most of them are at preferred_worker with. */
int Manager::preferred_worker_of(const Ids &members) const
{
    std::map<int, int> votes;
    int preferred_worker = nobody;
    for (Id member : members)
        if (int worker = known_.at(member).preferred_worker; ++votes[worker] > votes[preferred_worker])
            preferred_worker = worker;
    return preferred_worker;
}

/* Begins the batch that `id` is in, unless something in it is busy, or it is to wait: for its own worker, for other owners'
 * stream tables, or until its owner has fewer workers. False: no process is there to do it, nor anything else. */
bool Manager::dispatch_batch(Id id, const Wanted &asked, std::set<Id> *seen)
{
    if (waits_for_share(id))
        return true;
    const RequestedBy requested_by = asked.requested_by;
    const scheduler::Party party = party_of(id);
    std::set<Id> wanted;
    std::map<Id, bool> known;
    auto is_wanted_itself = [&](Id other) {
        auto [place, is_new] = known.emplace(other, false);
        Task *task = is_new ? queue_.find(other) : nullptr;
        if (task != nullptr)
            place->second = !task->is_running && asked.is_wanted(*task);
        return place->second;
    };
    auto is_wanted_or_bound = [&](const Task &task) {
        const Ids &bound = effective_schedules_.atomic_sets().of(task.id);
        return is_wanted_itself(task.id) || (!task.is_running && !task.is_suspended &&
                                             std::any_of(bound.begin(), bound.end(), is_wanted_itself));
    };
    auto is_free = [&](const Task &task) {
        return !task.is_suspended && !task.is_running && trouble_of(task.id, requested_by).until == 0;
    };
    Ids batch = scheduler::batch_of(graph_, id, [&](Id other) {
        Task *task = queue_.find(other);
        if (task == nullptr || party_of(other) != party)
            return Candidate{};
        auto group_members = group_members_.find(other);
        Candidate found = {is_wanted_or_bound(*task), is_free(*task), &task->schedules,
                           group_members == group_members_.end() ? nullptr : &group_members->second};
        if (found.is_wanted)
            wanted.insert(other);
        return found;
    });
    batch = without_others_between(id, std::move(batch));
    std::erase_if(wanted, [&](Id other) { return std::find(batch.begin(), batch.end(), other) == batch.end(); });
    seen->insert(batch.begin(), batch.end());
    for (Id member : batch)
        if (group_members_.count(member) != 0)
            wanted.insert(member);
    const Ids owners = owners_of(batch);
    Ids members = with_required(batch, requested_by, &owners);
    Ids forced = with_required(Ids(wanted.begin(), wanted.end()), requested_by, &owners);
    std::set<Id> companions(batch.begin(), batch.end());
    for (Id other : forced)
        companions.erase(other);
    if (Ids needed = needed_before(members, asked); !needed.empty())
        return dispatch_before(needed, members, asked, seen);
    return begin(members, wanted, companions, asked);
}

/* As dispatch_batch(). */
bool Manager::begin(const Ids &members, const std::set<Id> &wanted, const std::set<Id> &companions, const Wanted &asked)
{
    RunningJob running;
    running.members = members;
    running.involved = scheduler::with_upstreams(graph_, members);
    running.occupied = occupied_by(members, running.involved);
    running.serves = asked.serves;
    if (is_busy(running.occupied))
        return true;
    /* Of those that somebody holds locked, one at a time is waited for: they would take all workers, and
     * everybody's turns. The others look whether they can have their locks, and a reader waits until it is his turn. */
    const bool is_doubtful = was_locked(members), is_waiting = is_somebody_waiting_for_locks();
    const bool is_for_reader = asked.requested_by == RequestedBy::reader;
    if (is_doubtful && is_waiting && is_for_reader)
        return true;
    Pool::Choice choice = pool_.choose(preferred_worker_of(members), asked.since, GetCurrentTimestamp(), owners_of(members));
    if (choice.chance == Pool::Chance::its_own || choice.chance == Pool::Chance::its_share)
        return true;
    if (choice.chance == Pool::Chance::later)
        return false;
    Job job = make_job(running.involved, members.size(), wanted, companions, asked.requested_by);
    job.atomic_sets = effective_schedules_.atomic_sets().among(running.involved);
    job.groups = groups_of(members);
    job.no_lock_wait = !is_for_reader && (is_doubtful ? is_waiting : !locked_.empty());
    running.waits_for_locks = is_doubtful && !job.no_lock_wait;
    start(choice, std::move(job), std::move(running));
    return true;
}

bool Manager::dispatch_asked()
{
    Ids asked = asked_for();
    std::set<Id> wanted(asked.begin(), asked.end()), seen;
    auto is_wanted = [&](Task &task) { return wanted.count(task.id) != 0; };
    for (Id id : asked) {
        if (seen.count(id) != 0 || busy_.count(id) != 0 || queue_.find(id) == nullptr)
            continue;
        if (!dispatch_batch(id, {asked_since(id), is_wanted, RequestedBy::reader, {}}, &seen))
            return false;
    }
    return true;
}

bool Manager::dispatch_due()
{
    TimestampTz now = GetCurrentTimestamp();
    dispatched_at_ = now;
    pull_readers(now);
    std::set<Id> seen;
    auto is_wanted = [&](Task &task) { return is_ready(task, now); };
    auto dispatch_one = [&](Id id) {
        Task *task = queue_.find(id);
        return seen.count(id) != 0 || busy_.count(id) != 0 || waits_for_share(id) || !is_ready(*task, now) ||
               dispatch_batch(id, {task->due_at, is_wanted, RequestedBy::scheduler, {}}, &seen);
    };
    /* Who has its worker free goes first: an idle worker takes in strangers when it has nothing of its own to do. */
    Ids strangers;
    for (Id id : queue_.due(now)) {
        int preferred_worker = known_.at(id).preferred_worker;
        scheduler::Assignment found = pool_.look_for(preferred_worker, queue_.find(id)->due_at, now);
        if (found.to == scheduler::Assignment::To::later)
            continue;
        if (found.to == scheduler::Assignment::To::another || found.number != preferred_worker)
            strangers.push_back(id);
        else if (!dispatch_one(id))
            return false;
    }
    return std::all_of(strangers.begin(), strangers.end(), dispatch_one);
}

bool Manager::dispatch_upkeep()
{
    TimestampTz now = GetCurrentTimestamp();
    if (is_upkeep_running_ || !is_upkeep_due(now))
        return true;
    Pool::Choice choice = pool_.choose(nobody, upkeep_after_, now, {});
    if (choice.chance == Pool::Chance::its_own)
        return true;
    if (choice.chance == Pool::Chance::later)
        return false;
    is_upkeep_running_ = true;
    start(choice, upkeep_job(now), {});
    return true;
}

void Manager::dispatch()
{
    no_longer_wait_at_ = 0;
    if (mailbox::is_asked_for_room() && !is_held_up(GetCurrentTimestamp()))
        return pool_.want_nobody();
    pool_.begin_round();
    /* Upkeep comes when nothing is due, but not never: where refreshes do not keep up logs grow most. */
    bool is_all_begun = !is_upkeep_late(GetCurrentTimestamp()) || dispatch_upkeep();
    if (is_all_begun && guc::enabled)
        is_all_begun = dispatch_asked() && dispatch_due();
    if (is_all_begun && dispatch_upkeep())
        pool_.want_nobody();
    pool_.end_round();
}

void Manager::start(const Pool::Choice &choice, Job job, RunningJob begun)
{
    begun.number = ++last_job_;
    begun.began_at = GetCurrentTimestamp();
    begun.kind = job.kind;
    begun.worker = choice.worker;
    begun.commits = count_commits(begun.involved);
    if (!asked_.empty())
        for (Id id : begun.involved)
            if (const mailbox::Look look = mailbox::look(id); !look.is_current())
                begun.pending.emplace(id, look.stale_since());
    running_.push_back(std::move(begun));
    const RunningJob &running = running_.back();
    for (Id id : running.occupied)
        busy_[id] = running.number;
    for (Id id : running.members) {
        queue_.start(*queue_.find(id));
        pool_.move({id}, std::exchange(known_[id].preferred_worker, choice.worker), choice.worker);
    }
    if (choice.chance == Pool::Chance::worker)
        job.taken = pool_.take_forgotten(choice.worker);
    tell_begun(job, choice.chance == Pool::Chance::worker ? pool_.pid_of(choice.worker) : 0);
    if (choice.chance == Pool::Chance::worker) {
        pool_.send(choice.worker, scheduler::to_bytes(job));
        return;
    }
    tell_who_serves();
    scheduler::JobResult result = Refresher(job, Refresher::Process::manager).run();
    pool_.end_own_turn();
    end(running_.back(), result);
    /* Who waited for it is to be served without delay. */
    SetLatch(MyLatch);
}

void Manager::take_results()
{
    for (const Pool::Ended &ended : pool_.attend(GetCurrentTimestamp())) {
        auto job = std::find_if(running_.begin(), running_.end(),
                                [&](const RunningJob &running) { return running.worker == ended.worker; });
        if (job == running_.end())
            continue;
        if (ended.overrun)
            note_overrun(*job, *ended.overrun);
        if (ended.result)
            end(*job, scheduler::job_result_of(*ended.result));
        else
            end(*job, std::nullopt);
    }
}

/* How many transactions have changed the busiest of the sources since a job last read it. */
int64_t Manager::count_commits(const Ids &involved)
{
    uint64_t most = 0;
    for (Id id : involved)
        for (Id source : graph_.sources(id)) {
            if (graph_.contains(source))
                continue;
            uint32_t slot = mailbox::slot_of_source(source);
            uint64_t count = mailbox::commits_of(slot);
            auto [read, is_new] = commits_read_.emplace(slot, count);
            most = std::max(most, count - read->second);
            read->second = count;
        }
    return static_cast<int64_t>(most);
}

/* They are refreshed together again, so each pays for all. */
void Manager::record_in_throttles(const RunningJob &job, const scheduler::JobResult &result)
{
    TimestampTz now = GetCurrentTimestamp();
    for (const MemberResult &member : result.members) {
        Task *task = queue_.find(member.id);
        if (task == nullptr || member.verdict != Verdict::refreshed)
            continue;
        if (member.has_changed || mailbox::is_clean(member.id))
            task->throttle.record_refresh(result.took_us, job.commits, now, spacing_us());
        else
            task->throttle.record_empty_refresh(now, spacing_us());
    }
}

/* Puts a task where it belongs after a job: one that is idle is looked at in this cycle. */
void Manager::settle(Id id, Verdict verdict, const MemberResult *result)
{
    Task *task = queue_.find(id);
    if (task == nullptr)
        return;
    if (result != nullptr) {
        Known &known = known_[id];
        known.is_program_written = result->is_program_written;
        known.has_overrun = known.goes_alone = false;
        task->failures = result->failures;
        task->not_before = result->not_before;
        if (verdict == Verdict::refreshed) {
            task->refreshed_at = result->started_at;
            note_taken_in(id);
        }
        /* Something was said since the holds were read. */
        are_holds_read_ = are_holds_read_ && verdict != Verdict::held;
        if (result->is_suspended) {
            /* A user may have resumed it meanwhile: pgt_state knows. */
            queue_.suspend(*task);
            known.is_suspended = true;
            is_loaded_ = false;
        }
    }
    note_trouble(*task);
    if (verdict == Verdict::locked)
        locked_.insert(id);
    else
        locked_.erase(id);
    if (task->is_suspended)
        return;
    if (verdict != Verdict::refreshed)
        tell_left(known_[id], verdict);
    if (verdict == Verdict::refreshed)
        make_idle(*task);
    else if (verdict == Verdict::failed)
        queue_.queue(*task, task->not_before);
    else
        queue_.queue(*task, std::max<TimestampTz>(task->not_before, GetCurrentTimestamp() + spacing_us()));
}

/* Without a result its worker has died: what became of its members the mailbox knows. */
void Manager::end(const RunningJob &job, const std::optional<scheduler::JobResult> &result)
{
    Verdicts verdicts;
    for (Id id : job.members)
        verdicts[id] = Verdict::locked;
    for (Id id : job.occupied)
        busy_.erase(id);
    if (result) {
        record_in_throttles(job, *result);
        for (const MemberResult &member : result->members) {
            verdicts[member.id] = member.verdict;
            if (member.has_changed)
                note_read_on(member.id);
            settle(member.id, member.verdict, &member);
        }
        is_catalog_new_ = is_catalog_new_ || result->is_catalog_new;
        is_loaded_ = is_loaded_ && !result->is_outdated;
    }
    /* Those that were left out, and those of a worker that died. */
    for (Id id : job.members)
        if (const Task *task = queue_.find(id); task != nullptr && task->is_running)
            settle(id, result ? Verdict::refreshed : Verdict::locked, nullptr);
    resolve_by(job, verdicts);
    if (job.kind == Job::Kind::upkeep) {
        is_upkeep_running_ = false;
        end_upkeep(result);
    }
    std::erase_if(running_, [number = job.number](const RunningJob &other) { return other.number == number; });
}

} // namespace pgtrickle::worker
