/*
 * Decides who may see which facts about a relation. The texts of a stream table, which are its queries and the errors
 * of its refreshes, quote data: its owner and members of pg_monitor see them. Its state is also seen by roles that may
 * read it, or some of its columns. PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::definition {

/* Returns true if the current user may see the texts of the stream table. */
bool may_see_texts(Oid relid);

/* Returns true if the current user may see the state of the relation. */
bool may_see_state(Oid relid);

/* Returns true if every user that an error reaches may see the texts: the current user, and, if the session
 * acts as the owner of a stream table, the user of the session's statement. False if the relation is gone. */
bool may_show_texts(Oid relid);

/* As above, of the state. */
bool may_show_state(Oid relid);

} // namespace pgtrickle::definition
