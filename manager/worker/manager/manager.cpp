#include "worker/manager/manager.hpp"

#include "definition/guc.hpp"
#include "mailbox/manager_side.hpp"
#include "worker/manager/absence.hpp"
#include "worker/manager/invalidations.hpp"
#include "worker/refresher/attempt.hpp"
#include "worker/wakeup.hpp"
#include "worker/worker.hpp"

extern "C" {
#include "pgstat.h"
#include "postmaster/bgworker.h"
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

/* Longest time after which a change of the clock is noticed. */
constexpr long longest_sleep_ms = 60'000;

} // namespace

/* Called when the clock was set back: pauses that end at a given time would otherwise last for as long as the
 * clock was set back. */
void Manager::forget_pauses(TimestampTz now)
{
    definitions_.forget_pauses(now);
    projection_.forget_pauses(now);
    upkeep_.forget_pauses(now);
    stale_alerts_.forget_pauses(now);
    dispatcher_.forget_pauses();
}

/* Checks the tasks that have become idle, and those whose sources have changed. */
void Manager::check_tasks()
{
    const TimestampTz now = GetCurrentTimestamp();
    const bool was_set_back = tasks_.notice_time(now);
    if (was_set_back)
        forget_pauses(now);
    if (mailbox::take_full_check() || was_set_back) {
        tasks_.check_all_idle();
        holds_.check_all();
        upkeep_.trim_all();
    }
    if (mailbox::take_lack_of_schedule())
        tasks_.publish_missing_schedules();
    if (tasks_.take_changes())
        upkeep_.record_changes();
    holds_.check(tasks_.to_check());
    tasks_.check(now);
}

void Manager::read_definitions()
{
    const TimestampTz began_at = GetCurrentTimestamp();
    is_marked_after_absence_ = is_marked_after_absence_ || mark_after_absence();
    std::optional<DefinitionChanges> changes = definitions_.read();
    has_nothing_ = changes && changes->is_nothing_to_manage;
    if (!changes)
        return;
    for (scheduler::Id id : changes->gone)
        dispatcher_.forget(id);
    tasks_.apply(*changes);
    holds_.read_and_apply();
    if (changes->has_other_time_zone)
        tasks_.check_all_queued();
    upkeep_.trim_all(); /* logs of dropped stream tables must be trimmed */
    stale_alerts_.look_soon();
    projection_.request();
    if (changes->is_empty)
        upkeep_.begin_soon();
    definitions_.pause_after(GetCurrentTimestamp() - began_at);
}

/* Exits if there is nothing to manage. */
void Manager::read_definitions_if_due()
{
    if (definitions_.is_due(!requests_.is_empty()))
        read_definitions();
    if (has_nothing_ && jobs_.is_empty() && mailbox::retire(definitions_.changes_seen()))
        proc_exit(0);
}

void Manager::cycle()
{
    /* Before definitions are read: a suspension that had ended before a reader's request must not be the
     * answer to it. */
    requests_.take();
    /* A result may require that definitions are read again. */
    dispatcher_.take_results();
    read_definitions_if_due();
    holds_.read_if_due();
    check_tasks();
    if (guc::enabled) {
        requests_.settle();
        holds_.report();
    } else {
        requests_.refuse_all();
    }
    stale_alerts_.send();
    dispatcher_.dispatch();
    requests_.publish_serving_processes();
    projection_.write_if_catalog_is_new();
    projection_.write_if_due();
    /* Checks tasks that this cycle made idle; changes from here on set the latch. */
    check_tasks();
}

long Manager::sleep_ms() const
{
    TimestampTz now = GetCurrentTimestamp();
    TimestampTz until = now + static_cast<TimestampTz>(longest_sleep_ms) * 1000;
    auto take = [&](std::optional<TimestampTz> at) {
        if (at)
            until = std::min(until, *at);
    };
    if (guc::enabled) {
        if (tasks_.has_found_due()) /* by the check that ended the cycle */
            return 0;
        take(holds_.next_at());
        take(dispatcher_.next_at());
    }
    if (mailbox::is_asked_for_room() && now < jobs_.long_job_at())
        take(jobs_.long_job_at());
    take(tasks_.next_at());
    take(stale_alerts_.next_at());
    take(upkeep_.next_at(dispatcher_.dispatched_at()));
    take(definitions_.next_at());
    take(projection_.next_at());
    take(pool_.attend_at());
    if (until <= now)
        return 0;
    return static_cast<long>((until - now + 999) / 1000);
}

bool Manager::is_over() const
{
    return mailbox::is_asked_to_exit() || dispatcher_.has_to_be_replaced() ||
           (mailbox::is_asked_for_room() && jobs_.is_empty());
}

void Manager::run()
{
    call([] {
        watch_invalidations();
        pgstat_report_activity(STATE_IDLE, nullptr);
    });
    while (!is_over()) {
        if (call([] { return wake_up(); })) {
            definitions_.read_again(); /* the server's time zone may have changed */
            tasks_.check_all_queued(); /* so may the pause after which they are due */
        }
        cycle();
        const long wait_ms = is_over() ? 0 : sleep_ms(); /* the cycle itself may have found that it is */
        call([=] {
            (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, wait_ms, PG_WAIT_EXTENSION);
        });
    }
}

} // namespace pgtrickle::worker

extern "C" void pgtrickle_manager_main(Datum argument)
{
    using namespace pgtrickle;
    worker::receive_signals(worker::pgtrickle_end_process);
    const uint64_t settings_changes = mailbox::settings_changes();
    worker::connect_to(DatumGetObjectId(argument));
    pgstat_report_appname("pg_trickle manager");
    worker::prepare_attempts();
    if (mailbox::become_manager())
        enter([=] {
            worker::Manager manager(settings_changes);
            manager.run();
        });
    proc_exit(0);
}
