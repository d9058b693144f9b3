/* Stream tables by the name that a statement gives. */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/primnodes.h"
}

namespace pgtrickle {

/* Returns true if definitions follow statements here: the library is preloaded, and the database has the
 * extension. */
bool is_definition_followed();

/* Returns the stream table of this name, unlocked; InvalidOid for any other relation, for none (null), and where
 * definitions do not follow statements. PostgreSQL frame. */
Oid stream_table_named(const RangeVar *name);

} // namespace pgtrickle
