/*
 * REASSIGN OWNED changes the owner of relations that it does not name.
 */
#pragma once

#include "fdw/ddl/utility_call.hpp"

namespace pgtrickle {

void reassign_owned(const UtilityCall &utility); /* Executes REASSIGN OWNED. C++ frame. */

} // namespace pgtrickle
