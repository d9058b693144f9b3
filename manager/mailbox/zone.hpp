/*
 * The time zone of a database: whose local time the cron schedules of its stream tables are in.
 *
 * Its manager knows it and tells it here, so that a reader, whose session may have any other, judges
 * by the same local time. noexcept; never ereports.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::mailbox {

constexpr int zone_name_size = 256; /* the names PostgreSQL takes are shorter */

/* For the manager of this database. */
void publish_zone(const char *name) noexcept;

/* The name of this database's time zone into `name`; false if no manager has told it. */
bool copy_zone(char (&name)[zone_name_size]) noexcept;

} // namespace pgtrickle::mailbox
