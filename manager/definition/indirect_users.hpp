/*
 * Finds the stream tables that use an object indirectly: through functions and operators that call it, text
 * search configurations that contain it, or policies that use it.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/pg_list.h"
}

namespace pgtrickle::definition {

/* Returns the stream tables whose query uses the function, policy, dictionary or configuration, also through
 * views; ascending. The catalogs do not record the names in the text of a function body. Waits for
 * transactions that define such a stream table, and blocks new ones (lock_for_redefinition). PostgreSQL frame. */
List *indirect_users_of(Oid class_id, Oid object_id);

/* As indirect_users_of(), of the functions that take or return values of one of the types (List of OIDs): a rule
 * depends on the functions, and not on their results. PostgreSQL frame. */
List *users_of_functions_with(const List *types);

/* Returns the indexes of a table and the sequences that its columns own (List of OIDs): they are in the schema of the
 * table, and move with it. PostgreSQL frame. */
List *relations_beside(Oid relid);

} // namespace pgtrickle::definition
