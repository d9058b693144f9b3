#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle {

/* Writes one option of a foreign table, without the checks of a user's ALTER. The option exists with
 * DEFELEM_SET, and does not with DEFELEM_ADD. PostgreSQL frame. */
void write_option(Oid relid, const char *name, const char *value, DefElemAction action);

} // namespace pgtrickle
