/*
 * The name by which PostgreSQL finds the stream table that an ALTER was prepared for.
 *
 * PostgreSQL looks the name up again when it executes the statement, which is after the fill for another query. The
 * lock on the stream table excludes that it is renamed meanwhile, and its name has that of its schema
 * (user_statement.hpp). But another schema can have got the name of its schema.
 */
#pragma once

#include "definition/options.hpp"

extern "C" {
#include "nodes/primnodes.h"
}

namespace pgtrickle {

/* Returns the name of the stream table with that of its schema; raises an error if it was dropped. PostgreSQL frame. */
RangeVar *exact_name(Oid relid);

/* Raises 40001 unless the stream table has these options: a schema has been renamed between exact_name() and the
 * look-up of that name, which no lock excludes, and the statement has altered another one. C++ frame. */
void check_options(Oid relid, std::vector<options::Option> wanted);

} // namespace pgtrickle
