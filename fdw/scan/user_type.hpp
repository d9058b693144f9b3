/*
 * Types whose values may run code of a user. The statement of a reader compares no touched values (touched_values.hpp)
 * of such a type.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle {

/* Whether values of the type may run code of a user: a domain and a composite type may have constraints, a range type
 * functions; an enum has no code. PostgreSQL frame. */
bool is_type_of_a_user(Oid type);

} // namespace pgtrickle
