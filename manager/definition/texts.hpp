/*
 * Decides who may see the texts of a stream table: its queries, and the errors of its refreshes, which quote
 * data. These are its owner and members of pg_monitor. PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::definition {

/* Returns true if the current user may see the texts of the stream table. */
bool may_see_texts(Oid relid);

/* Returns true if every user that an error reaches may see the texts: the current user, and, if the session
 * acts as the owner of a stream table, the user of the session's statement. False if the relation is gone. */
bool may_show_texts(Oid relid);

} // namespace pgtrickle::definition
