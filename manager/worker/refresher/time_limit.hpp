/*
 * How long a refresh may take, and which setting limits it.
 *
 *     limit.begin();  … the refresh …  limit.end();    in its transaction
 *     limit.explain(failure);                          after its abort
 *
 * When the time is over the refresh is canceled, as by pg_cancel_backend(). A function may catch the error
 * and continue: the refresh is canceled again each second, and after ten times the process is terminated. C++
 * frames unless a comment says otherwise.
 */
#pragma once

#include "worker/transaction.hpp"

namespace pgtrickle::worker {

class TimeLimit {
  public:
    /* The limit of pg_trickle.max_refresh_time. */
    static TimeLimit of_server();
    /* The limit in a manager that could start no worker and does nothing else meanwhile, for one of `parts`
     * attempts. */
    static TimeLimit of_manager(size_t parts);
    /* Lowers the limit to the refresh_timeout of a stream table; 0: it has none. */
    void tighten(int refresh_timeout_ms);

    void begin() const;
    void end() const;
    /* Sets the reason of a failure that the limit has caused. */
    void explain(TransactionFailure &failure) const;
    /* The failure of a refresh whose process had to be terminated. */
    TransactionFailure failure_of_terminated() const;

  private:
    std::string reason() const;

    enum class By { nothing, setting, option, manager };
    By by_ = By::nothing;
    int limit_ms_ = 0; /* 0: none */
};

/* Limits the time that a refresh waits for locks. A lock that is held for long must not block the other
 * stream tables; and if this process is part of a deadlock, it must be the one that gives way: it can retry,
 * whereas a user's statement would fail. It therefore checks for a deadlock as soon as it waits, and waits no
 * longer than other processes do before they check. A reader that waits for the refresh checks more often
 * than that for a deadlock that it is part of (request_and_wait()). Lasts as long as the transaction. */
void limit_waiting();

/* Registers the timer. Must be called once by each process that refreshes, before its first refresh. PostgreSQL
 * frame. */
void prepare_time_limits();
/* Whether the last refresh has exceeded its limit for so long that this process is terminated. */
bool has_exceeded_limit() noexcept;

} // namespace pgtrickle::worker
