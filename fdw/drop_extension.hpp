/*
 * DROP EXTENSION and the schema of the extension. CREATE EXTENSION makes the schema, but an extension cannot own the
 * schema that it is in, and PostgreSQL leaves it behind.
 */
#pragma once

#include "pg/hooks.hpp"

namespace pgtrickle {

/* Entry of fdw/module.cpp, around DROP: drops the schema with the extension if it is empty, belongs to the current user
 * and has the comment that the extension gives it. Where there is no extension, as in the DROP EXTENSION IF EXISTS of
 * pg_upgrade, which has made the schema before, it stays. PostgreSQL frame. */
void drop_schema_of_extension(const UtilityCall &call);

} // namespace pgtrickle
