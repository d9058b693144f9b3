#include "setup/patient_lock.hpp"

#include "pg/attempt.hpp"
#include "pg/lock_chain.hpp"
#include "pg/settings.hpp"
#include "pg/versions/processes.hpp"

extern "C" {
#include "miscadmin.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/guc.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"
}

#include <algorithm>
#include <csignal>

namespace pgtrickle::setup {

namespace {

constexpr int first_attempt_ms = 10;
/* In times deadlock_timeout. Of the processes of a deadlock, another one finds it first and fails: the caller has more
 * to lose than a statement that waits. */
constexpr int longest_attempt = 3;
constexpr int deadlock_timeout = 2;
constexpr int pause_per_attempt = 8;
constexpr int longest_pause_ms = 5000;
constexpr long look_after_ms = 100;
constexpr int cautious_attempts = 24; /* take about 100 s, with deadlock_timeout at 1 s */
constexpr int long_pause_ms = 500;    /* the state of things may have changed meanwhile */

/* The setting is for superusers; no code of a user runs under it. PostgreSQL frame. */
void set_deadlock_timeout(int value_ms)
{
    (void)set_config_option("deadlock_timeout", psprintf("%d", value_ms), PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE,
                            true, 0, false);
}

/* Holders of a lock that wait for this transaction, as is_deadlock() has found them. */
struct FoundHolders {
    static constexpr int limit = 16;
    int pids[limit];
    VirtualTransactionId transactions[limit];
    volatile sig_atomic_t count;
};

FoundHolders &found_holders() noexcept
{
    static FoundHolders found;
    return found;
}

/* Returns whether holders of a lock on the relation wait for this transaction. PostgreSQL frame. */
bool is_deadlock(Oid relation)
{
    LOCKTAG tag;
    SET_LOCKTAG_RELATION(tag, MyDatabaseId, relation);
    int count = 0;
    VirtualTransactionId *holders = GetLockConflicts(&tag, AccessExclusiveLock, &count);
    FoundHolders &found = found_holders();
    found.count = 0;
    for (int i = 0; i < count && found.count < FoundHolders::limit; i++) {
        const PGPROC *process = is_prepared(holders[i]) ? nullptr : process_of(holders[i]);
        const int pid = process != nullptr ? process->pid : 0;
        if (pid == 0 || !waits_for_me(pid))
            continue;
        found.pids[found.count] = pid;
        found.transactions[found.count] = holders[i];
        found.count = found.count + 1;
    }
    pfree(holders);
    return found.count > 0;
}

/* Runs in a signal handler. */
extern "C" void pgtrickle_ask_holders()
{
    const FoundHolders &found = found_holders();
    for (int i = 0; i < found.count && MyProc->waitStatus == PROC_WAIT_STATUS_WAITING; i++)
        ask_for_deadlock_check(found.pids[i], found.transactions[i]);
}

/* While it exists and this process waits for a lock, the holders that is_deadlock() has found look for a deadlock again
 * and again. PostgreSQL does so once in each wait, and theirs have lasted longer: this process would be the victim. */
class AskedHolders {
  public:
    AskedHolders()
    {
        if (found_holders().count > 0)
            call([] { start(); });
    }
    ~AskedHolders()
    {
        if (timer != MAX_TIMEOUTS)
            disable_timeout(timer, false);
    }
    AskedHolders(const AskedHolders &) = delete;
    AskedHolders &operator=(const AskedHolders &) = delete;

  private:
    static void start()
    {
        if (timer == MAX_TIMEOUTS)
            timer = RegisterTimeout(USER_TIMEOUT, pgtrickle_ask_holders);
        enable_timeout_every(timer, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), look_after_ms), look_after_ms);
    }

    static inline TimeoutId timer = MAX_TIMEOUTS;
};

/* Locks the relation, or raises 55P03 at that time. PostgreSQL frame. */
void lock_until(Oid relation, TimestampTz end)
{
    const int64 left_ms = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), end);
    set_for_now("lock_timeout", psprintf("%d", static_cast<int>(std::max<int64>(left_ms, 1))));
    LockRelationOid(relation, AccessExclusiveLock);
}

/* Returns whether the first lock, and then all others, were granted within these times; otherwise none is kept, and the
 * relation that was waited for too long becomes the first one. It is waited for while none of the others is locked. */
bool is_locked_within(std::vector<Oid> &relations, int first_ms, int others_ms)
{
    auto wanted = relations.begin();
    const AskedHolders asked;
    try {
        in_subtransaction([&] {
            SettingsLevel level;
            call([=] { set_deadlock_timeout(deadlock_timeout * DeadlockTimeout); });
            TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), first_ms);
            for (; wanted != relations.end(); wanted++) {
                call([=, relation = *wanted] { lock_until(relation, end); });
                if (wanted == relations.begin())
                    end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), others_ms);
            }
        });
        return true;
    } catch (const PgError &error) {
        if (error.data->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE)
            throw;
        std::rotate(relations.begin(), wanted, wanted + 1);
        return false;
    }
}

/* Sleeps, or returns true as soon as there is a deadlock. PostgreSQL frame. */
bool is_deadlock_within(Oid relation, int pause_ms)
{
    const TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), pause_ms);
    for (long left = pause_ms; left > 0; left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), end)) {
        (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, std::min(left, look_after_ms),
                        PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
        if (is_deadlock(relation))
            return true;
    }
    return false;
}

[[noreturn]] void raise_timeout()
{
    raise({.sqlstate = ERRCODE_LOCK_NOT_AVAILABLE,
           .message = "canceling statement due to lock timeout",
           .detail = "Transactions use the relation, or a stream table that follows it, all the time.",
           .is_public = true});
}

} // namespace

void lock_between_readers(std::vector<Oid> relations, const std::function<void()> &in_pause)
{
    const int longest_attempt_ms = std::max(longest_attempt * DeadlockTimeout, first_attempt_ms);
    const int cautious_ms =
        std::max(DeadlockTimeout / 2, 1); /* until then, no process that waits looks for a deadlock */
    int attempt_ms = first_attempt_ms, waited_ms = 0;
    found_holders().count = 0;
    for (int attempt = 0;; attempt++) {
        const int left_ms = LockTimeout > 0 ? LockTimeout - waited_ms : attempt_ms;
        if (left_ms <= 0)
            raise_timeout();
        const int limit_ms = std::min(attempt_ms, left_ms);
        if (is_locked_within(relations, limit_ms,
                             attempt < cautious_attempts ? std::min(limit_ms, cautious_ms) : limit_ms))
            return;
        int pause_ms = std::min(pause_per_attempt * attempt_ms, longest_pause_ms);
        if (LockTimeout > 0)
            pause_ms = std::min(pause_ms, std::max(left_ms - attempt_ms, 0));
        const bool must_be_resolved = call([&] { return is_deadlock_within(relations.front(), pause_ms); });
        if (pause_ms >= long_pause_ms && !must_be_resolved)
            in_pause();
        waited_ms += attempt_ms + pause_ms;
        attempt_ms = must_be_resolved ? longest_attempt_ms : std::min(attempt_ms + attempt_ms / 2, longest_attempt_ms);
    }
}

} // namespace pgtrickle::setup
