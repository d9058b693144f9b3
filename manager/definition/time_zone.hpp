/*
 * The time zone of this database, for cron schedules: the value of ALTER DATABASE … SET timezone, otherwise
 * the value that is set for all roles, otherwise the server's. It is never that of a role or session, because
 * a schedule is the same for all. The rules of the zone are PostgreSQL's.
 */
#pragma once

#include "pg/boundary.hpp"
#include "scheduler/time/zone.hpp"

extern "C" {
#include "pgtime.h"
}

namespace pgtrickle::definition {

/* Determines the zone of the database and publishes it in the mailbox. For the manager, in a transaction.
 * PostgreSQL frame. */
void publish_time_zone();

/* Returns the zone that the manager has published, or the session's if there is no manager. PostgreSQL
 * frame. */
pg_tz *published_time_zone();

/* A zone with PostgreSQL's rules, which PostgreSQL keeps for the life of the process. Frames of any kind. */
class DatabaseZone final : public scheduler::Zone {
  public:
    explicit DatabaseZone(pg_tz *rules) : rules_(rules) {}
    Span span_at(scheduler::Microseconds at) const override;

  private:
    pg_tz *rules_;
};

} // namespace pgtrickle::definition
