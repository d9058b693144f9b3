/*
 * Properties of the equality of a type, and of the images of its values.
 */
#pragma once

#include "pg/versions/postgres.hpp"

namespace pgtrickle {

/* Whether values of the type that are equal under its own equality and `collation` have the same image.
 * PostgreSQL frame. */
bool is_equality_identity(Oid type, int32 typmod, Oid collation);
/* Returns the type beneath the domains of `type`, if its values contain rows (storage/apply/plain_rows.hpp), otherwise
 * InvalidOid. PostgreSQL frame. */
Oid type_with_rows(Oid type);
/* Whether the values that `test` finds equal are those that are equal by the type and collation of either argument. The
 * operator has two arguments and can drive a merge or hash join. PostgreSQL frame. */
bool is_own_equality(const OpExpr *test);

/* Whether the extended hash function of the type may differ for equal values. PostgreSQL's hashbpcharextended()
 * includes the trailing blanks under a nondeterministic collation, where values that differ in them are equal;
 * hashbpchar() does not. The functions for arrays, rows and ranges hash what they contain so. */
bool may_extended_hash_differ(Oid type, Oid collation);

} // namespace pgtrickle
