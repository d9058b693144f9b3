/*
 * PostgreSQL's statement_timeout fires once, and a function that catches the error is not limited any longer.
 * Therefore this is a separate timer, which fires again each second.
 */
#include "worker/refresher/time_limit.hpp"

#include "definition/guc.hpp"

extern "C" {
#include "miscadmin.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/guc.h"
#include "utils/timeout.h"
}

#include <algorithm>
#include <csignal>

namespace pgtrickle::worker {

namespace {

/* A fill that takes longer needs a worker. */
constexpr int manager_limit_ms = 30'000;
constexpr int least_part_ms = 1000;
constexpr int again_ms = 1000;
constexpr int most_cancels = 10;

TimeoutId timeout = MAX_TIMEOUTS;
volatile sig_atomic_t fired = 0; /* number of times since begin() */

/* Runs in a signal handler. */
extern "C" void pgtrickle_refresh_takes_too_long()
{
    fired = fired + 1;
    if (fired > most_cancels)
        ProcDiePending = true;
    QueryCancelPending = true;
    InterruptPending = true;
    SetLatch(MyLatch);
}

std::string in_words(int limit_ms)
{
    return limit_ms % 1000 == 0 ? std::to_string(limit_ms / 1000) + " s" : std::to_string(limit_ms) + " ms";
}

} // namespace

void prepare_time_limits()
{
    timeout = RegisterTimeout(USER_TIMEOUT, pgtrickle_refresh_takes_too_long);
}

bool has_exceeded_limit() noexcept
{
    return fired > most_cancels;
}

void limit_waiting()
{
    const std::string limit = std::to_string(std::max(DeadlockTimeout / 2, 1));
    call([&] {
        auto set = [](const char *name, const char *value) {
            (void)set_config_option(name, value, PGC_SUSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
        };
        set("lock_timeout", limit.c_str());
        set("deadlock_timeout", "10");
    });
}

TimeLimit TimeLimit::of_server()
{
    TimeLimit limit;
    limit.limit_ms_ = guc::max_refresh_time_ms;
    limit.by_ = limit.limit_ms_ > 0 ? By::setting : By::nothing;
    return limit;
}

TimeLimit TimeLimit::of_manager(size_t parts)
{
    TimeLimit limit = of_server();
    const int own_ms = std::max(manager_limit_ms / static_cast<int>(parts), least_part_ms);
    if (limit.limit_ms_ > 0 && limit.limit_ms_ <= own_ms)
        return limit;
    limit.limit_ms_ = own_ms;
    limit.by_ = By::manager;
    return limit;
}

void TimeLimit::tighten(int refresh_timeout_ms)
{
    if (refresh_timeout_ms <= 0 || (limit_ms_ > 0 && limit_ms_ <= refresh_timeout_ms))
        return;
    limit_ms_ = refresh_timeout_ms;
    by_ = By::option;
}

void TimeLimit::begin() const
{
    fired = 0;
    if (limit_ms_ > 0)
        call([this] {
            enable_timeout_every(timeout, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), limit_ms_), again_ms);
        });
}

void TimeLimit::end() const
{
    if (limit_ms_ > 0)
        call([] {
            disable_timeout(timeout, false);
            /* A pending cancellation must not hit the next statement. */
            CHECK_FOR_INTERRUPTS();
        });
}

std::string TimeLimit::reason() const
{
    const std::string time = in_words(limit_ms_);
    if (by_ == By::setting)
        return "it took longer than pg_trickle.max_refresh_time (" + time + ")";
    if (by_ == By::option)
        return "it took longer than the refresh_timeout of the stream table (" + time + ")";
    return "it took longer than " + time +
           " in the manager because no refresh worker could be started: max_worker_processes "
           "leaves no room for one";
}

void TimeLimit::explain(TransactionFailure &failure) const
{
    if (fired == 0 || failure.sqlstate != ERRCODE_QUERY_CANCELED)
        return;
    /* The stream table is not at fault. */
    if (by_ == By::manager)
        failure.sqlstate = ERRCODE_INSUFFICIENT_RESOURCES;
    failure.message = "canceling refresh: " + reason();
    failure.has_timed_out = true;
}

TransactionFailure TimeLimit::failure_of_terminated() const
{
    TransactionFailure failure;
    failure.sqlstate = ERRCODE_QUERY_CANCELED;
    failure.message = "terminating refresh: " + reason() + ", and did not end when it was canceled";
    failure.has_timed_out = true;
    return failure;
}

} // namespace pgtrickle::worker
