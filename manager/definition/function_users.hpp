/*
 * Which stream tables a function computes for.
 */
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include "nodes/pg_list.h"
}

namespace pgtrickle::definition {

/* The stream tables whose query calls `function` by its name, as an operator or as part of an
 * aggregate, also by views; ascending. PostgreSQL frame. */
List *users_of_function(Oid function);

} // namespace pgtrickle::definition
