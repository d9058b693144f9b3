/*
 * REASSIGN OWNED gives other owners to relations that it does not name.
 */
#pragma once

#include "fdw/ddl/utility_call.hpp"

namespace pgtrickle {

void reassign_owned(const UtilityCall &utility); /* C++ frame. */

} // namespace pgtrickle
