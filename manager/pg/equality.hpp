/*
 * Properties of the equality of a type.
 */
#pragma once

#include "pg/versions/postgres.hpp"

namespace pgtrickle {

/* Whether values of the type that are equal under its own equality and `collation` have the same image.
 * PostgreSQL frame. */
bool is_equality_identity(Oid type, int32 typmod, Oid collation);

} // namespace pgtrickle
