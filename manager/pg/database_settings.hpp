/*
 * What ALTER DATABASE … SET and ALTER ROLE ALL SET give to the sessions of a database. Processes that are there already
 * keep what they began with.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "utils/array.h"
}

namespace pgtrickle {

/* For all roles in `database`, or, if that is invalid, in all databases: "name=value" of each, or null. In a
 * transaction, in the current context. PostgreSQL frame. */
ArrayType *settings_given_in(Oid database);

/* The part after "name=" of an entry; null if it is another setting. */
const char *value_of(const char *entry, const char *name);

/* One text of all that a process of this database is given, but for the time zone, which is read on the way. In a
 * transaction, in the current context. PostgreSQL frame. */
char *settings_to_begin_with();

} // namespace pgtrickle
