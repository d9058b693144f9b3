/*
 * DROP EXTENSION and the schema of the extension. CREATE EXTENSION makes the schema, but an extension cannot own the
 * schema that it is in, and PostgreSQL leaves it behind.
 */
#pragma once

#include "pg/hooks.hpp"

namespace pgtrickle {

/* Entry of fdw/module.cpp, after DROP: drops the schema if it is empty, belongs to the current user and has the comment
 * that the extension gives it. PostgreSQL frame. */
void drop_schema_of_extension(const UtilityCall &call);

} // namespace pgtrickle
