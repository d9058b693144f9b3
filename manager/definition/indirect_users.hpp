/*
 * Which stream tables an object computes for, by way of others: the functions and operators that call it, the text search
 * configurations that contain it, the policies that ask it.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/pg_list.h"
}

namespace pgtrickle::definition {

/* Those whose query uses the function, dictionary or configuration, also by views; ascending. What a function's body names as
 * text is not known to the catalogs. Waits for transactions that define such a stream table, and keeps others from doing so
 * (lock_meaning). PostgreSQL frame. */
List *indirect_users_of(Oid class_id, Oid object_id);

} // namespace pgtrickle::definition
