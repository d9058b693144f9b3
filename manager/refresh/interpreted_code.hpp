/*
 * Whether a stream table runs interpreted code: functions of users in a language other than C.
 *
 * A procedural language keeps what it has compiled a function to as long as the process lives, and resolves names when
 * it compiles or runs a function. So what such a function does depends on the settings and temporary objects of the
 * session, and on those under which another role has called it first. A process that runs it with the rights of one
 * role must therefore not have run, or be going to run, statements of a role that does not have these rights: readers
 * in whose sessions it would run for an exact read, and owners who share a refresh worker.
 *
 * A function in C, and one in SQL with a parsed body, has no names to resolve.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::refresh {

/* Returns true if a fill, refresh or exact read of the stream table may run interpreted code: in its query, in views,
 * policies, domains, operators and aggregates that it uses, at any distance, and in indexes and constraints of what it
 * reads or stores. The answer is found in pg_depend: the query, which may be that of another role, is not analyzed.
 * Stream tables that it reads are not followed. C++ frame. */
bool runs_interpreted_code(Oid relid);

/* Whether a statement of the current user may run the query of the stream table, and of those that it reads, with the
 * rights of their owners in this session: none runs interpreted code, or the user is a member of its owner, who could
 * run the code anyway. A superuser is a member of others only if that was granted: otherwise the owner's code could
 * wait in the session for a superuser's call. The answer is kept until the next invalidation. C++ frame. */
bool may_run_here(Oid relid);

} // namespace pgtrickle::refresh
