/*
 * The execution of an upkeep job: change logs are trimmed, an alert is sent of each that grows towards its limit, the catalog's
 * write-ahead log is moved into its file, and old history is deleted.
 *
 * It gives way after some milliseconds, for refreshes that prefer the same worker wait for it. An alert is sent once for a
 * log, until it is over: the manager remembers which, from result to job.
 *
 * Lives for one job; no transaction is open before or after it. C++ frames; a failed trim is not thrown, but tried again.
 */
#pragma once

#include "pg/boundary.hpp"
#include "scheduler/job.hpp"

#include <optional>

namespace pgtrickle::worker {

class LogUpkeep {
  public:
    /* Both must outlive it. */
    LogUpkeep(const scheduler::Job &job, scheduler::JobResult &result) : job_(job), result_(result) {}
    LogUpkeep(const LogUpkeep &) = delete;
    LogUpkeep &operator=(const LogUpkeep &) = delete;

    void run();

  private:
    void trim_logs();
    std::optional<int64_t> look_at_size(Oid source);
    void alert_of_growth(Oid source, int64_t bytes);

    const scheduler::Job &job_;
    scheduler::JobResult &result_;
};

} // namespace pgtrickle::worker
