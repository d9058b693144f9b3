/*
 * A relation's name as SQL says it: with its schema, and quoted where needed.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle {

/* PostgreSQL frame. Allocated in the current memory context; an error if there is no such relation. */
char *quoted_relation_name(Oid relation);

} // namespace pgtrickle
