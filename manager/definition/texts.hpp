/*
 * Who may see the texts of a stream table: its queries, and the errors of its refreshes, which quote data. Its owner and
 * members of pg_monitor. PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::definition {

/* Whether the current user may. */
bool may_see_texts(Oid relid);

/* Whether what is raised now may be seen by all that it reaches: the current user, and the user of the statement that the
 * session runs, if the owner of a stream table acts in its place. False if the relation is gone. */
bool may_show_texts(Oid relid);

} // namespace pgtrickle::definition
