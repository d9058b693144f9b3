/*
 * Rows within values: composite types, and arrays, ranges, multiranges and domains over types with rows.
 *
 * Invariant: two such values that PostgreSQL prints alike, and that were made in different ways, have the same bytes
 * once they are plain. PostgreSQL keeps a field as it finds it: compressed, as in the tuple of a table, or not, as in a
 * change log; with the value that a dropped column had, or without it; and a tuple from before ADD COLUMN has fewer
 * fields.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

namespace pgtrickle::storage {

/* Returns the plain value of a type that type_with_rows() (pg/equality.hpp) has returned: a copy in the current memory
 * context. */
Datum plain_rows(Datum value, Oid type);

} // namespace pgtrickle::storage
