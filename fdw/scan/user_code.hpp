/*
 * Which expressions run code of a user. PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/nodes.h"
}

namespace pgtrickle {

/* A domain and a composite type may have constraints, a range type functions; an enum has no code. */
bool is_type_of_a_user(Oid type);

/* Returns true if a function, operator or type of a user is used. */
bool runs_code_of_a_user(::Node *expression);

} // namespace pgtrickle
