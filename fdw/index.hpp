/*
 * CREATE INDEX on a stream table lands on its storage.
 */
#pragma once

#include "fdw/utility.hpp"

namespace pgtrickle {

/* C++ frames: an IndexStmt on a stream table; a DropStmt that may name such indexes. */
void create_index(const UtilityCall &call);
void drop_index(const UtilityCall &call);

} // namespace pgtrickle
