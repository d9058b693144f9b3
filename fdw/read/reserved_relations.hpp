/*
 * Relations of the extension, which no role reaches by a predefined role. pg_read_all_data and pg_write_all_data have
 * privileges on all tables and USAGE on all schemas, but what is in a change log is trusted as it is, and shows rows
 * without the policies of its source; and an object that depends on a heap keeps the heap from being replaced.
 *
 *   - For their members, a name in a reserved schema (pg_trickle_…) is what it is for every other role: one in a schema
 *     without USAGE. Hence no statement of theirs reads, locks, alters or refers to anything in there.
 *   - What does not come by a name (TOAST tables, a view of someone else) is asked for its rights: privileges count on
 *     tables of the schema pgtrickle if they were granted, and pg_read_all_data reads what pg_dump does.
 */
#pragma once

#include "pg/hooks.hpp"
#include "pg/versions/rights.hpp"

namespace pgtrickle {

/* Returns false, or raises 42501 if `raises`, if only a predefined role has the privileges. PostgreSQL frame. */
bool check_reserved_relations(const RequiredRights &rights, bool raises);

/* As above, for LOCK TABLE, which asks for no rights of the executor. PostgreSQL frame. */
void check_lock_of_reserved(const UtilityCall &utility);

/* When a name in a schema is looked up: raises 42501, or says that the schema is not searched, if the current user has
 * USAGE on a reserved schema only by a predefined role. PostgreSQL frame. */
void check_name_of_reserved(ObjectAccessType access, Oid class_id, Oid object, int sub_id, void *argument);

} // namespace pgtrickle
