/*
 * What equality says of a type.
 */
#pragma once

#include "pg/versions/postgres.hpp"

namespace pgtrickle {

/* Values of the type that are equal under its own equality and `collation` have the same image.
 * PostgreSQL frame. */
bool is_equality_identity(Oid type, int32 typmod, Oid collation);

} // namespace pgtrickle
