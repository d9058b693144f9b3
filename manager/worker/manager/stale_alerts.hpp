/*
 * Alerts for stream tables that exceed their maximum staleness, for whatever reason. Each alert is sent once,
 * until the stream table is no longer stale.
 *
 * Owns which alerts were sent, and the time of the next look, before which no stream table can be late. The
 * loop calls it in each cycle. Runs no SQL if there is nothing to send. C++ frames; outside of transactions.
 */
#pragma once

#include "worker/manager/definitions.hpp"
#include "worker/manager/tasks.hpp"

#include <optional>
#include <set>

namespace pgtrickle::worker {

class StaleAlerts {
  public:
    StaleAlerts(const Definitions &definitions, Tasks &tasks) : definitions_(definitions), tasks_(tasks) {}
    StaleAlerts(const StaleAlerts &) = delete;
    StaleAlerts &operator=(const StaleAlerts &) = delete;

    void send();
    /* Definitions were read: a stream table may be late before the time of the next look. */
    void look_soon() { look_at_ = 0; }
    void forget_pauses(TimestampTz now) { look_at_ = std::min(look_at_, now); }
    std::optional<TimestampTz> next_at() const;

  private:
    using Stale = std::map<scheduler::Id, TimestampTz>; /* since when each stream table lacks changes */
    bool send_all(const Stale &stale, TimestampTz now);

    const Definitions &definitions_;
    Tasks &tasks_;
    std::set<scheduler::Id> sent_; /* stale stream tables for which an alert was sent */
    TimestampTz look_at_ = 0;
};

} // namespace pgtrickle::worker
