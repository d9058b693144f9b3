#include "worker/manager.hpp"

#include "definition/guc.hpp"

extern "C" {
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
}

#include <algorithm>

extern "C" {
PGDLLEXPORT void pgtrickle_manager_main(Datum argument);
}

namespace pgtrickle::worker {

namespace {

using scheduler::Id;
using scheduler::Ids;

/* Commits wake the manager at most this often, however many there are. */
constexpr TimestampTz arm_pause_us = 50'000;
constexpr long longest_sleep_ms = 3'600'000;

TimestampTz spacing_us()
{
    return static_cast<TimestampTz>(guc::scheduler_interval_ms) * 1000;
}

bool has_verdict(const std::map<Id, Verdict> &verdicts, Id id, Verdict verdict)
{
    auto found = verdicts.find(id);
    return found != verdicts.end() && found->second == verdict;
}

} // namespace

/* Why a stream table that a reader asked for cannot be refreshed now; Answer::none: it can. */
static mailbox::Reply obstacle(scheduler::Queue &queue, const scheduler::Graph &graph, Id relid, TimestampTz now)
{
    Ids involved = graph.upstreams(relid);
    involved.insert(involved.begin(), relid);
    for (Id id : involved) {
        scheduler::Task *task = queue.find(id);
        if (task == nullptr)
            continue;
        if (task->is_suspended)
            return {mailbox::Answer::suspended, id};
        if (task->failures > 0 && task->not_before > now)
            return {mailbox::Answer::failed, id};
    }
    return {};
}

void Manager::handle_requests()
{
    std::vector<mailbox::Request> requests = mailbox::take_requests();
    if (requests.empty())
        return;
    if (!guc::enabled) {
        for (const mailbox::Request &request : requests)
            mailbox::answer(request, {mailbox::Answer::no_manager, InvalidOid});
        return;
    }
    TimestampTz now = GetCurrentTimestamp();
    Ids wanted;
    std::map<Id, mailbox::Reply> refused;
    for (const mailbox::Request &request : requests) {
        /* All of a statement together, so that they reach one frontier, if one of them needs it. */
        if (std::all_of(request.relids.begin(), request.relids.end(), mailbox::is_clean))
            continue;
        for (Oid relid : request.relids) {
            if (std::find(wanted.begin(), wanted.end(), relid) != wanted.end())
                continue;
            mailbox::Reply reply = obstacle(queue_, graph_, relid, now);
            if (!graph_.contains(relid)) {
                /* The reader knows it, so it is new: it is asked for again in a moment. */
                reply = {mailbox::Answer::locked, relid};
                is_loaded_ = false;
            }
            if (reply.answer != mailbox::Answer::none)
                refused[relid] = reply;
            else
                wanted.push_back(relid);
        }
    }
    std::map<Id, Verdict> verdicts = refresh(wanted, Initiator::reader);
    for (const mailbox::Request &request : requests) {
        mailbox::Reply reply = {mailbox::Answer::done, InvalidOid};
        for (Oid relid : request.relids) {
            if (refused.count(relid) != 0)
                reply = refused[relid];
            else if (has_verdict(verdicts, relid, Verdict::failed) || has_verdict(verdicts, relid, Verdict::behind))
                reply = {mailbox::Answer::failed, relid};
            else if (has_verdict(verdicts, relid, Verdict::locked) && reply.answer == mailbox::Answer::done)
                reply = {mailbox::Answer::locked, relid};
        }
        mailbox::answer(request, reply);
    }
}

/* Also those that are clean, or became dirty a moment ago, but have the schedule of a due
 * one and are connected to it: what comes due together is at one frontier, so that a
 * statement over several of them sees one state. One that has nothing to take in costs
 * next to nothing. */
Ids Manager::with_companions(const Ids &due)
{
    Ids candidates = due;
    for (Id id : queue_.ids()) {
        const scheduler::Task &task = *queue_.find(id);
        if (task.is_suspended || task.failures > 0 || std::find(due.begin(), due.end(), id) != due.end())
            continue;
        bool is_companion = std::any_of(due.begin(), due.end(), [&](Id other) {
            return queue_.find(other)->schedules == task.schedules;
        });
        if (is_companion)
            candidates.push_back(id);
    }
    Ids result;
    for (const Ids &group : graph_.groups(candidates)) {
        bool has_due = std::any_of(group.begin(), group.end(), [&](Id id) {
            return std::find(due.begin(), due.end(), id) != due.end();
        });
        if (has_due)
            result.insert(result.end(), group.begin(), group.end());
    }
    return result;
}

void Manager::refresh_due()
{
    TimestampTz now = GetCurrentTimestamp();
    Ids due;
    for (Id id : queue_.take_due(now)) {
        scheduler::Task &task = *queue_.find(id);
        if (mailbox::is_clean(id) && !task.is_due_when_clean)
            continue;
        /* Behind one that has failed: with it, or after it. */
        TimestampTz wait_for = 0;
        for (Id upstream : graph_.upstreams(id)) {
            scheduler::Task *other = queue_.find(upstream);
            if (other != nullptr && !other->is_suspended && other->failures > 0)
                wait_for = std::max(wait_for, other->not_before);
        }
        if (wait_for > now)
            queue_.queue(task, wait_for);
        else
            due.push_back(id);
    }
    std::map<Id, Verdict> verdicts = refresh(due, Initiator::scheduler);
    for (const auto &[id, verdict] : verdicts) {
        scheduler::Task *task = queue_.find(id);
        if (task == nullptr || task->is_suspended || verdict == Verdict::refreshed || verdict == Verdict::failed)
            continue;
        queue_.queue(*task, GetCurrentTimestamp() + spacing_us());
    }
}

void Manager::watch_idle()
{
    TimestampTz now = GetCurrentTimestamp();
    for (Id id : queue_.idle()) {
        scheduler::Task &task = *queue_.find(id);
        std::optional<TimestampTz> due = scheduler::due_at(task, mailbox::dirty_since(id), now, spacing_us());
        if (due)
            queue_.queue(task, *due);
    }
}

void Manager::cycle()
{
    TimestampTz now = GetCurrentTimestamp();
    bool is_load_due = !is_loaded_ || mailbox::definition_changes() != changes_seen_;
    if (is_load_due && now >= load_after_) {
        if (!load_definitions() && mailbox::retire(changes_seen_))
            proc_exit(0);
    }
    handle_requests();
    if (guc::enabled) {
        watch_idle();
        refresh_due();
    }
    keep_up();
    /* From here on a commit must not go unnoticed: it either is seen by watch_idle, or sets the latch. */
    now = GetCurrentTimestamp();
    is_armed_ = now >= armed_at_ + arm_pause_us;
    if (is_armed_) {
        armed_at_ = now;
        mailbox::want_wake_up();
    }
    watch_idle();
}

long Manager::sleep_ms()
{
    TimestampTz now = GetCurrentTimestamp();
    TimestampTz until = now + static_cast<TimestampTz>(longest_sleep_ms) * 1000;
    std::optional<TimestampTz> due = queue_.first_due();
    if (due && guc::enabled)
        until = std::min(until, *due);
    if (may_trim_ || has_untrimmed_)
        until = std::min(until, upkeep_after_);
    if (!is_armed_)
        until = std::min(until, armed_at_ + arm_pause_us);
    if (load_after_ != 0)
        until = std::min(until, load_after_);
    if (until <= now)
        return 0;
    return static_cast<long>((until - now + 999) / 1000);
}

void Manager::run()
{
    call([] { pgstat_report_activity(STATE_IDLE, nullptr); });
    while (!mailbox::is_asked_to_exit()) {
        call([] {
            ResetLatch(MyLatch);
            QueryCancelPending = false;
            CHECK_FOR_INTERRUPTS();
            if (ConfigReloadPending) {
                ConfigReloadPending = false;
                ProcessConfigFile(PGC_SIGHUP);
            }
        });
        cycle();
        long wait_ms = sleep_ms();
        int events = call([=] {
            return WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, wait_ms, PG_WAIT_EXTENSION);
        });
        /* Somebody has written to a log, whoever refreshes from it. */
        if ((events & WL_LATCH_SET) != 0)
            may_trim_ = true;
    }
}

namespace {

/* Whatever the database's default is: a snapshot older than its locks could never say that a stream table is fresh. */
void read_what_is_committed()
{
    SetConfigOption("default_transaction_isolation", "read committed", PGC_SUSET, PGC_S_OVERRIDE);
}

} // namespace

} // namespace pgtrickle::worker

extern "C" void pgtrickle_manager_main(Datum argument)
{
    using namespace pgtrickle;
    pqsignal(SIGTERM, die);
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(argument), InvalidOid, 0);
    pgstat_report_appname("pg_trickle manager");
    worker::read_what_is_committed();
    if (mailbox::become_manager())
        enter([] {
            worker::Manager manager;
            manager.run();
        });
    proc_exit(0);
}
