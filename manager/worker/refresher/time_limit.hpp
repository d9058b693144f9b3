/*
 * How long a refresh may take, and by which setting.
 *
 *     limit.begin();  … the refresh …  limit.end();    in its transaction
 *     limit.explain(failure);                          after its abort
 *
 * When the time is over the refresh is canceled, as by pg_cancel_backend(). A function may catch that and go
 * on: it is canceled again each second, and after ten times the process is terminated. C++ frames, where
 * nothing else is said.
 */
#pragma once

#include "worker/transaction.hpp"

#include <atomic>

namespace pgtrickle::worker {

class TimeLimit {
  public:
    /* pg_trickle.max_refresh_time. */
    static TimeLimit of_server();
    /* In a manager that could start no worker, and does nothing else meanwhile: for one of `parts` attempts.
     */
    static TimeLimit of_manager(size_t parts);
    /* To the refresh_timeout of a stream table; 0: it has none. */
    void tighten(int refresh_timeout_ms);

    void begin() const;
    void end() const;
    /* Gives the failure of a refresh that was canceled by the limit its reason. */
    void explain(Failure &failure) const;
    /* The failure of a refresh whose process had to be terminated. */
    Failure failure_of_terminated() const;

  private:
    std::string reason() const;

    enum class By { nothing, setting, option, manager };
    By by_ = By::nothing;
    int limit_ms_ = 0; /* 0: none */
};

/* To be called once by each process that refreshes, before its first refresh. `overrun` becomes 1 before the
 * process is terminated; or null. PostgreSQL frame. */
void prepare_time_limits(std::atomic<uint32_t> *overrun);

} // namespace pgtrickle::worker
