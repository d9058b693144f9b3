#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle {

/* Whether values of the type may run code of a user: a domain and a composite type may have constraints, a range type
 * functions; an enum has no code. PostgreSQL frame. */
bool is_type_of_a_user(Oid type);

} // namespace pgtrickle
