/*
 * Runs an upkeep job: trims change logs, sends an alert for each log that grows towards its limit, moves the
 * catalog's write-ahead log into its file, and deletes old history.
 *
 * Stops after some milliseconds, because refreshes that prefer the same worker wait for it. An alert is sent
 * once for a log until the log has shrunk: the manager passes the reported logs from result to job, and when the
 * history was last counted.
 *
 * Lives for one job; no transaction is open before or after it. C++ frames; a failed trim does not throw, but
 * is retried.
 */
#pragma once

#include "pg/boundary.hpp"
#include "scheduler/job.hpp"

#include <optional>

namespace pgtrickle::worker {

class LogUpkeep {
  public:
    /* Both arguments must outlive the object. */
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
