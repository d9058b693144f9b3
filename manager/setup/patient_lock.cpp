#include "setup/patient_lock.hpp"

#include "pg/attempt.hpp"
#include "pg/settings.hpp"

extern "C" {
#include "miscadmin.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"
}

#include <algorithm>

namespace pgtrickle::setup {

namespace {

constexpr int first_attempt_ms = 10;
constexpr int pause_per_attempt = 8;
constexpr int longest_pause_ms = 5000;
constexpr int long_pause_ms = 500; /* the state of things may have changed meanwhile */

/* Returns whether the locks were granted within `limit_ms` each. */
bool is_locked_within(const std::vector<Oid> &relations, int limit_ms)
{
    try {
        in_subtransaction([&] {
            SettingsLevel level;
            call([=] { set_for_now("lock_timeout", psprintf("%d", limit_ms)); });
            for (Oid relation : relations)
                call([=] { LockRelationOid(relation, AccessExclusiveLock); });
        });
        return true;
    } catch (const PgError &error) {
        if (error.data->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE)
            throw;
        return false;
    }
}

/* PostgreSQL frame. */
void sleep_for(int pause_ms)
{
    const TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), pause_ms);
    for (long left = pause_ms; left > 0; left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), end)) {
        (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, left, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
    }
}

[[noreturn]] void raise_timeout()
{
    raise({.sqlstate = ERRCODE_LOCK_NOT_AVAILABLE,
           .message = "canceling statement due to lock timeout",
           .detail = "Transactions read the stream table all the time.",
           .is_public = true});
}

} // namespace

void lock_between_readers(const std::vector<Oid> &relations, const std::function<void()> &in_pause)
{
    const int longest_attempt_ms = std::max(2 * DeadlockTimeout, first_attempt_ms);
    int attempt_ms = first_attempt_ms, waited_ms = 0;
    for (;;) {
        const int left_ms = LockTimeout > 0 ? LockTimeout - waited_ms : attempt_ms;
        if (left_ms <= 0)
            raise_timeout();
        if (is_locked_within(relations, std::min(attempt_ms, left_ms)))
            return;
        const int pause_ms = std::min(pause_per_attempt * attempt_ms, longest_pause_ms);
        call([=] { sleep_for(pause_ms); });
        if (pause_ms >= long_pause_ms)
            in_pause();
        waited_ms += attempt_ms + pause_ms;
        attempt_ms = std::min(attempt_ms + attempt_ms / 2, longest_attempt_ms);
    }
}

} // namespace pgtrickle::setup
