/*
 * Relations of the extension, which no role reaches by a predefined role: pg_read_all_data and pg_write_all_data have
 * privileges on all tables, but what is in a change log is trusted as it is, and shows rows without the policies of its
 * source. Only superusers, who can do anything, get there.
 *
 * Privileges that were granted on a table of the schema pgtrickle count, as those of the owner of the database, and
 * pg_read_all_data reads these tables, since pg_dump does.
 */
#pragma once

#include "pg/hooks.hpp"
#include "pg/versions/rights.hpp"

namespace pgtrickle {

/* Returns false, or raises 42501 if `raises`, if only a predefined role has the privileges. PostgreSQL frame. */
bool check_reserved_relations(const RequiredRights &rights, bool raises);

/* As above, for LOCK TABLE, which asks for no rights of the executor. PostgreSQL frame. */
void check_lock_of_reserved(const UtilityCall &utility);

} // namespace pgtrickle
