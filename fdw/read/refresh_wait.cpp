#include "fdw/read/refresh_wait.hpp"

#include "definition/guc.hpp"
#include "definition/state/state.hpp"
#include "definition/stream_table.hpp"
#include "fdw/read/exact_reads.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/lock_chain.hpp"
#include "pg/versions/processes.hpp"

extern "C" {
#include "access/xact.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/wait_event.h"
}

#include <algorithm>

namespace pgtrickle {

namespace {

constexpr int pause_ms = 20;      /* before the next request for what another process refreshes */
constexpr int idle_probe_ms = 25; /* pause between searches for an idle session that prevents the refresh */
constexpr int idle_ms = 100;      /* a session that has been idle for longer is not waited for */

/* The lock is reported to the server log only, as PostgreSQL reports statements: its object may be internal. */
void raise_deadlock(int worker)
{
    StringInfoData lock;
    initStringInfo(&lock);
    describe_awaited_lock(worker, &lock);
    ereport(ERROR,
            (errcode(ERRCODE_T_R_DEADLOCK_DETECTED), errmsg("deadlock detected"),
             errdetail("This transaction waits for a refresh worker (process %d) to refresh a stream table; the worker "
                       "waits for a lock that this transaction holds.",
                       worker),
             errdetail_log("This transaction waits for a refresh worker (process %d) to refresh a stream table; the "
                           "worker waits for %s, which this transaction prevents.",
                           worker, lock.data),
             errhint("Call pgtrickle.refresh_stream_table(), which refreshes in this transaction.")));
}

/* Raises an error if a worker that serves this process waits for a lock that this transaction has chosen to take. */
void check_for_deadlock()
{
    LockChain workers;
    workers.length = mailbox::serving_pids(workers.pids);
    for (int i = 0; i < workers.length; i++)
        if (waits_for_more_than_my_reads(workers.pids[i]))
            raise_deadlock(workers.pids[i]);
}

enum class Useless { no, for_me, for_idle_transaction };

/* Returns whether waiting longer is useless, as a worker that serves this process waits, directly or through other
 * processes, for this transaction, whose lock may be one that any reader holds, or for one in which nothing runs. */
Useless useless_wait(const Oid *relids, int count, Waiter waiter)
{
    LockChain chain;
    chain.length = mailbox::serving_pids(chain.pids);
    if (leads_to_me(&chain))
        return Useless::for_me;
    const bool is_idle = waiter == Waiter::statement && has_idle_transaction(chain, idle_ms);
    return is_idle && could_all_be_computed_at_once(relids, count) ? Useless::for_idle_transaction : Useless::no;
}

/* The stream tables that a request concerns: the requested ones, and those that they read. */
struct Concerned {
    Oid *relids; /* palloc'ed; null until they are needed */
    int count;
};

void find_concerned(const Oid *relids, int count, Concerned *concerned)
{
    enter([&] {
        std::vector<Oid> all(relids, relids + count);
        for (int i = 0; i < count; i++)
            for (Oid upstream : definition::upstreams_of(relids[i]))
                if (std::find(all.begin(), all.end(), upstream) == all.end())
                    all.push_back(upstream);
        concerned->count = static_cast<int>(all.size());
        concerned->relids = call([&] { return static_cast<Oid *>(palloc(sizeof(Oid) * all.size())); });
        std::copy(all.begin(), all.end(), concerned->relids);
    });
}

/* Whether the refresh has to wait for a transaction in which nothing runs, such as one that has read its own
 * changes: it may stay open for long, and every reader would wait for it. */
bool waits_for_idle_transaction(const Concerned &concerned)
{
    for (int i = 0; i < concerned.count; i++)
        if (is_held_by_idle_transaction(state::refresh_lock(concerned.relids[i]), idle_ms))
            return true;
    return false;
}

/* The last transaction for which a refresh has waited. Its next statements look for that sooner. */
LocalTransactionId &waited_for_transaction()
{
    static LocalTransactionId own = InvalidLocalTransactionId;
    return own;
}

Obstacle obstacle_of(mailbox::Answer answer)
{
    switch (answer) {
    case mailbox::Answer::done: return Obstacle::none;
    case mailbox::Answer::failed: return Obstacle::failed;
    case mailbox::Answer::suspended: return Obstacle::suspended;
    case mailbox::Answer::held: return Obstacle::held;
    case mailbox::Answer::locked: return Obstacle::locked;
    case mailbox::Answer::waiting: return Obstacle::timed_out;
    case mailbox::Answer::none:
    case mailbox::Answer::no_manager: break;
    }
    return Obstacle::no_manager;
}

/* Sleeps until the latch is set or `sleep_ms` have passed. */
void sleep(long sleep_ms)
{
    (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, sleep_ms, PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
}

/* The wait for the answer to one request. In PostgreSQL frames: nothing in it has to be destroyed. */
class Wait {
  public:
    Wait(const Oid *relids, int count, Waiter waiter);
    Obstacle until_answered();

  private:
    bool is_pending() const;
    bool is_to_be_given_up();
    bool is_useless();
    bool is_for_idle_transaction();
    void sleep_and_ask();
    mailbox::Answer request() const { return mailbox::request_refresh(relids_, count_).answer; }

    const Oid *const relids_;
    const int count_;
    const Waiter waiter_;
    const Stopwatch waited_;
    const int64_t limit_ms_;
    int64_t now_ms_ = 0;
    int64_t probing_ms_; /* between searches for a transaction that makes it useless to wait */
    int64_t probe_at_ms_, idle_probe_at_ms_ = idle_probe_ms;
    Concerned concerned_ = {nullptr, 0};
    bool was_locked_ = false; /* until then, a refresh may be running that the idle transaction does not prevent */
    int managers_left_ = 3;   /* to be requested in place of a manager that exits */
    mailbox::Answer answer_;
};

/* A refresh worker waits for a lock twice as long as it takes to the first search, so it is found during that time. */
Wait::Wait(const Oid *relids, int count, Waiter waiter)
    : relids_(relids), count_(count), waiter_(waiter), limit_ms_(guc::scan_refresh_timeout_ms)
{
    const bool is_known = has_refresh_waited_for_me();
    const int64_t usual_ms = std::min<int64_t>(DeadlockTimeout / 4, limit_ms_ / 4);
    probing_ms_ = std::max<int64_t>(is_known ? std::min<int64_t>(usual_ms, idle_probe_ms) : usual_ms, 1);
    probe_at_ms_ = probing_ms_;
    answer_ = request();
}

Obstacle Wait::until_answered()
{
    while (is_pending() && !is_to_be_given_up())
        sleep_and_ask();
    mailbox::withdraw_request();
    return obstacle_of(answer_);
}

/* A lock that another process holds is tried again. It may be held by this transaction, and waiting would not help. */
bool Wait::is_pending() const
{
    return answer_ == mailbox::Answer::waiting || (answer_ == mailbox::Answer::locked && !mailbox::holds_any());
}

/* Sets the answer if so. */
bool Wait::is_to_be_given_up()
{
    was_locked_ |= answer_ == mailbox::Answer::locked;
    const bool is_last = now_ms_ >= limit_ms_;
    const bool is_locked = ((now_ms_ >= probe_at_ms_ || is_last) && is_useless()) ||
                           (!is_last && was_locked_ && now_ms_ >= idle_probe_at_ms_ && is_for_idle_transaction());
    if (is_locked)
        answer_ = mailbox::Answer::locked;
    else if (is_last)
        answer_ = mailbox::Answer::waiting; /* the lock would have been tried again */
    return is_locked || is_last;
}

bool Wait::is_useless()
{
    if (waiter_ == Waiter::caller)
        check_for_deadlock();
    const Useless why = useless_wait(relids_, count_, waiter_);
    if (why == Useless::for_me)
        waited_for_transaction() = own_local_xid();
    probe_at_ms_ = now_ms_ + probing_ms_;
    return why != Useless::no;
}

bool Wait::is_for_idle_transaction()
{
    if (concerned_.relids == nullptr)
        find_concerned(relids_, count_, &concerned_);
    idle_probe_at_ms_ = now_ms_ + idle_probe_ms;
    return waits_for_idle_transaction(concerned_);
}

void Wait::sleep_and_ask()
{
    const int64_t next_ms = was_locked_ ? std::min(probe_at_ms_, idle_probe_at_ms_) : probe_at_ms_;
    const int64_t left_ms = std::min(limit_ms_, next_ms) - now_ms_ + 1;
    if (answer_ == mailbox::Answer::locked) {
        sleep(std::min<int64_t>(left_ms, pause_ms));
        answer_ = request();
    } else {
        sleep(left_ms);
        answer_ = mailbox::reply().answer;
        if (answer_ == mailbox::Answer::no_manager && managers_left_-- > 0)
            answer_ = request();
    }
    now_ms_ = waited_.ms();
}

} // namespace

void pause_waiting()
{
    sleep(pause_ms);
}

/* A transaction that has refreshed holds locks for which the holder may wait in this way, so it does not wait for long;
 * nor does it wait for one that waits for it, or in which nothing runs. Where it could not read exactly instead, it
 * waits nevertheless, but not for ever. */
bool await_holder(const LOCKTAG &lock, const Stopwatch &waited, const Oid *relids, int count)
{
    if (waited.ms() >= guc::scan_refresh_timeout_ms)
        return false;
    LockChain chain = holders_of(lock);
    const bool may_be_waited_for = mailbox::holds_any() && waited.ms() >= DeadlockTimeout / 4;
    if ((may_be_waited_for || leads_to_me(&chain) || has_idle_transaction(chain, idle_ms)) &&
        could_all_be_computed_at_once(relids, count))
        return false;
    sleep(pause_ms);
    return true;
}

Obstacle request_and_wait(const Oid *relids, int count, Waiter waiter)
{
    Obstacle obstacle = Obstacle::none;
    for (int first = 0; first < count && obstacle == Obstacle::none; first += mailbox::max_requested)
        obstacle = Wait(relids + first, std::min(count - first, mailbox::max_requested), waiter).until_answered();
    return obstacle;
}

bool has_refresh_waited_for_me()
{
    return waited_for_transaction() == own_local_xid();
}

Obstacle request_of_next_manager(const Oid *relids, int count)
{
    constexpr long turn_probe_ms = 100;
    const Stopwatch waited;
    Obstacle obstacle = Obstacle::no_manager;
    while (obstacle == Obstacle::no_manager && mailbox::do_managers_take_turns() &&
           waited.ms() < guc::scan_refresh_timeout_ms) {
        sleep(turn_probe_ms);
        obstacle = request_and_wait(relids, count, Waiter::statement);
    }
    return obstacle;
}

} // namespace pgtrickle
