/*
 * The time zone of a database: the cron schedules of its stream tables are in its local time.
 *
 * The manager of the database publishes the zone here, so that a reader, whose session may have any other
 * zone, applies the same local time. noexcept; never ereports.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::mailbox {

constexpr int zone_name_size = 256; /* the names that PostgreSQL accepts are shorter */

/* For the manager of this database. */
void publish_zone(const char *name) noexcept;

/* Copies the name of this database's time zone into `name`; false if no manager has published it. */
bool copy_zone(char (&name)[zone_name_size]) noexcept;

} // namespace pgtrickle::mailbox
