#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle {

/* Writes one option of a foreign table, without the questions that a user's ALTER is asked.
 * DEFELEM_SET: it is there; DEFELEM_ADD: it is not. A PostgreSQL frame. */
void write_option(Oid relid, const char *name, const char *value, DefElemAction action);

} // namespace pgtrickle
