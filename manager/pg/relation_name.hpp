/*
 * The name of a relation in SQL: with its schema, and quoted where needed.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle {

/* Returns the name, allocated in the current memory context. Raises an error if there is no such relation.
 * PostgreSQL frame. */
char *quoted_relation_name(Oid relation);

} // namespace pgtrickle
