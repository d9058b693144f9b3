/*
 * What a worker does for partitioned storages after their refresh: rows of new ranges get partitions. A move of rows
 * takes a lock for which readers have to go, and runs code of indexes. A manager leaves it to workers: it refreshes
 * nothing meanwhile.
 */
#include "refresh/place_rows.hpp"

#include "mailbox/manager_side.hpp"
#include "mailbox/process_end.hpp"
#include "refresh/batch/holds.hpp"
#include "worker/refresher/attempt.hpp"
#include "worker/refresher/refresher.hpp"

extern "C" {
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/wait_event.h"
}

namespace pgtrickle::worker {

/* A reader that waited for the job uses the storage for some more milliseconds. */
void Refresher::place_rows()
{
    constexpr int most_tries = 5;
    constexpr long pause_ms = 10;
    std::erase_if(unplaced_, mailbox::has_move_ended_process);
    for (int i = 0; i < most_tries && !unplaced_.empty(); i++) {
        if (i > 0)
            call([=] {
                (void)WaitLatch(MyLatch, WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, pause_ms, PG_WAIT_EXTENSION);
                CHECK_FOR_INTERRUPTS();
            });
        std::erase_if(unplaced_, [this](scheduler::Id id) { return mailbox::is_asked_to_exit() || place_rows_of(id); });
    }
    call([] { pgstat_report_activity(STATE_IDLE, nullptr); });
}

/* Returns false if it is to be tried again soon. */
bool Refresher::place_rows_of(scheduler::Id id)
{
    const scheduler::Ids members = {id};
    const TimeLimit limit = time_limit(members);
    const scheduler::Involved &member = *involved_.at(id);
    const std::string text = "partitions of " + member.schema_name + "." + member.name;
    call([&] { pgstat_report_activity(STATE_RUNNING, text.c_str()); });
    const Attempt attempt(members, Blame::move);
    bool is_placed = false;
    std::optional<TransactionFailure> failure = in_transaction([&] {
        if (!call([] { return refresh::take_work_lock(); }))
            return;
        limit_waiting();
        limit.begin();
        is_placed = refresh::place_rows(id);
        limit.end();
    });
    if (!failure)
        return is_placed;
    limit.explain(*failure);
    call([&] {
        ereport(LOG, (errmsg("new partitions of stream table \"%s.%s\" could not be made: %s",
                             member.schema_name.c_str(), member.name.c_str(), failure->message.c_str())));
    });
    return true;
}

} // namespace pgtrickle::worker
