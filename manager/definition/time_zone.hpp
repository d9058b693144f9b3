/*
 * The time zone of this database, for cron schedules: what ALTER DATABASE … SET timezone says, else what
 * is set for all roles, else the server's. Never that of a role or session: a schedule is the same for all.
 * Its rules are PostgreSQL's.
 */
#pragma once

#include "pg/boundary.hpp"
#include "scheduler/time/zone.hpp"

extern "C" {
#include "pgtime.h"
}

namespace pgtrickle::definition {

/* Finds out which it is and tells the mailbox. For the manager, in a transaction. PostgreSQL frame. */
void publish_time_zone();

/* As the manager has told it; the session's where there is no manager. PostgreSQL frame. */
pg_tz *published_time_zone();

/* The rules are PostgreSQL's, which keeps them for the life of the process. Frames of any kind. */
class DatabaseZone final : public scheduler::Zone {
  public:
    explicit DatabaseZone(pg_tz *rules) : rules_(rules) {}
    Span span_at(scheduler::Microseconds at) const override;

  private:
    pg_tz *rules_;
};

} // namespace pgtrickle::definition
