/*
 * Whether the query of a stream table may run interpreted code: code whose effect depends on the session in which it
 * runs.
 *
 * A procedural language keeps what it has compiled a function to as long as the process lives, and resolves names when
 * it compiles or runs a function, temporary objects first. So what such a function does depends on the settings and
 * temporary objects of the session, and on those under which another role has called it first. An exact read runs the
 * owner's query in the reader's session: it must not do so if one of the two could use that against the other. Refresh
 * workers need no such test: each serves one owner (worker/refresher/code_of_owners.hpp).
 *
 * The answer is found without analyzing the query, which would run code. It is yes unless all functions that are used,
 * directly or by views, policies, domains, indexes and constraints of what the query reads, are PostgreSQL's own, or
 * IMMUTABLE and in C; and unless PostgreSQL's own ones neither run a text nor call functions of a type that is named at
 * run time.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::refresh {

/* Returns whether the query may run interpreted code. The stream tables that it reads do not count. C++ frame. */
bool may_run_interpreted_code(Oid relid);

/* Whether a statement of the current user may run the query of the stream table, and of those that it reads, with the
 * rights of their owners in this session: none runs interpreted code, or the user is a member of its owner, who could
 * run the code anyway. A superuser is a member of others only if that was granted: otherwise the owner's code could
 * wait in the session for a superuser's call. The answer is kept until the next invalidation. C++ frame. */
bool may_run_here(Oid relid);

} // namespace pgtrickle::refresh
