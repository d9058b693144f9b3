#include "worker/manager/manager.hpp"

#include "definition/guc.hpp"
#include "definition/time_zone.hpp"
#include "worker/manager/invalidations.hpp"
#include "worker/refresher/time_limit.hpp"
#include "worker/wakeup.hpp"
#include "worker/worker.hpp"

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

/* A clock that has been set is noticed after so long, at the latest. */
constexpr long longest_sleep_ms = 60'000;

TimestampTz spacing_us()
{
    return static_cast<TimestampTz>(guc::scheduler_interval_ms) * 1000;
}

} // namespace

std::optional<TimestampTz> Manager::due_of(const scheduler::Task &task, TimestampTz since, TimestampTz now,
                                           const scheduler::Zone &zone) const
{
    std::optional<TimestampTz> due = scheduler::due_at(task, since, now, spacing_us(), zone);
    return !due && known_.at(task.id).is_released ? now : due;
}

void Manager::make_idle(scheduler::Task &task)
{
    queue_.make_idle(task);
    to_check_.push_back(task.id);
}

bool Manager::queue_if_due(scheduler::Task &task, TimestampTz now, const scheduler::Zone &zone)
{
    std::optional<TimestampTz> due = due_of(task, own_pending_since(task.id), now, zone);
    if (due)
        queue_.queue(task, *due);
    return due.has_value();
}

/* The clock was set back: what was put off until a time would be for as long as that. */
void Manager::forget_pauses(TimestampTz now)
{
    for (TimestampTz *at : {&load_after_, &project_after_, &upkeep_after_, &prune_after_, &look_for_stale_at_})
        *at = std::min(*at, now);
}

/* Looks at those that have become idle, and those that news are about. Who stays idle is listened for, and
 * was clean after that. */
void Manager::watch()
{
    TimestampTz now = GetCurrentTimestamp();
    const bool was_set_back = queue_.notice_time(now);
    if (was_set_back)
        forget_pauses(now);
    if (mailbox::take_doubt() || was_set_back) {
        to_check_ = queue_.idle();
        unreported_holds_ = resting_;
        is_all_to_trim_ = true;
    }
    Ids told = listening_.hear();
    may_trim_ = may_trim_ || !told.empty();
    to_check_.insert(to_check_.end(), told.begin(), told.end());
    if (to_check_.empty())
        return;
    const definition::DatabaseZone zone(call([] { return definition::told_time_zone(); }));
    for (Id id : to_check_) {
        scheduler::Task *task = queue_.find(id);
        if (task != nullptr && task->is_suspended && is_unreported(id))
            unreported_holds_.push_back(id);
        if (task == nullptr || !task->is_idle() || queue_if_due(*task, now, zone))
            continue;
        listening_.listen(id);
        queue_if_due(*task, now, zone);
    }
    to_check_.clear();
}

/* Where there is nothing to manage, this process leaves. */
void Manager::load_if_due()
{
    /* What is locked is tried again after a while, but what has changed is not known only then: half of a new diamond would be
     * refreshed, and who resumes a stream table and reads it be told that it is held. */
    const bool has_changed = mailbox::definition_changes() != changes_seen_;
    const bool is_tried_again = !is_loaded_ && GetCurrentTimestamp() >= load_after_;
    const bool is_put_off = !load_fault_.empty() && GetCurrentTimestamp() < load_after_;
    if (is_tried_again || (has_changed && !is_put_off))
        has_nothing_ = !load_definitions();
    if (has_nothing_ && running_.empty() && mailbox::retire(changes_seen_))
        proc_exit(0);
}

void Manager::cycle()
{
    /* Before definitions are looked at: what was resumed before a reader asked is not held against him. */
    take_requests();
    /* A result may say that something is to be read again. */
    take_results();
    load_if_due();
    read_holds_if_due();
    watch();
    if (guc::enabled) {
        settle_requests();
    } else {
        refuse_requests();
    }
    if (guc::enabled)
        tell_holds();
    alert_of_stale();
    dispatch();
    tell_who_serves();
    project_if_catalog_is_new();
    project_if_due();
    /* Who was made idle by this cycle; what is told from here on sets the latch. */
    watch();
}

long Manager::sleep_ms()
{
    if (guc::enabled && !unreported_holds_.empty())
        return 0;
    TimestampTz now = GetCurrentTimestamp();
    TimestampTz until = now + static_cast<TimestampTz>(longest_sleep_ms) * 1000;
    auto take = [&](std::optional<TimestampTz> at) {
        if (at)
            until = std::min(until, *at);
    };
    if (guc::enabled)
        take(queue_.first_due_after(dispatched_at_));
    if (mailbox::is_asked_for_room() && now < held_up_at())
        take(held_up_at());
    if (guc::enabled && no_longer_wait_at_ != 0)
        take(no_longer_wait_at_);
    if (guc::enabled && !holds_due_.empty())
        take(holds_due_.begin()->first);
    if (guc::stale_alert_after_s > 0 && !queue_.all_idle())
        take(look_for_stale_at_);
    /* Nobody listens to what is written to the sources of those that are not idle; their logs grow. */
    if (!is_upkeep_running_ && (is_upkeep_wanted() || !queue_.all_idle()))
        take(upkeep_after_);
    if (!is_loaded_ || load_after_ != 0)
        take(load_after_);
    if (is_projection_due_)
        take(project_after_);
    take(pool_.attend_at());
    if (until <= now)
        return 0;
    return static_cast<long>((until - now + 999) / 1000);
}

void Manager::run()
{
    call([] {
        watch_invalidations();
        pgstat_report_activity(STATE_IDLE, nullptr);
    });
    while (!mailbox::is_asked_to_exit() && !(mailbox::is_asked_for_room() && running_.empty())) {
        if (call([] { return wake_up(); }))
            is_loaded_ = false; /* the server's time zone may be another one */
        cycle();
        long wait_ms = sleep_ms();
        call([=] {
            (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, wait_ms, PG_WAIT_EXTENSION);
        });
    }
}

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
    worker::prepare_time_limits(nullptr);
    if (mailbox::become_manager())
        enter([] {
            worker::Manager manager;
            manager.run();
        });
    proc_exit(0);
}
