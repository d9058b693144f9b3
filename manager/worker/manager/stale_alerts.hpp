/*
 * Alerts of stream tables that are staler than they may be, whatever the reason. Each is sent once, until it is over.
 *
 * Owns which alerts were sent, and when to look next: none is late before that. The loop calls it in each cycle. Runs no SQL
 * where there is nothing to send. C++ frames; outside of transactions.
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
    /* Some may be late sooner than it looked: definitions were read. */
    void look_soon() { look_at_ = 0; }
    void forget_pauses(TimestampTz now) { look_at_ = std::min(look_at_, now); }
    std::optional<TimestampTz> next_at() const;

  private:
    using Stale = std::map<scheduler::Id, TimestampTz>; /* since when it lacks changes */
    bool send_all(const Stale &stale, TimestampTz now);

    const Definitions &definitions_;
    Tasks &tasks_;
    std::set<scheduler::Id> sent_; /* of those that are stale */
    TimestampTz look_at_ = 0;
};

} // namespace pgtrickle::worker
