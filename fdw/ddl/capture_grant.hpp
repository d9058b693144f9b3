/*
 * GRANT, to the extent that it permits the capture of a source for a stream table. C++ frames.
 */
#pragma once

#include "fdw/ddl/utility_call.hpp"

namespace pgtrickle {

/* Executes a GrantStmt or GrantRoleStmt. */
void grant(const UtilityCall &utility);

/* Requests refreshes, once this transaction has committed, of stream tables that read a source which is not
 * captured for them, but may be now: that refresh begins the capture. */
void request_allowed_captures();

} // namespace pgtrickle
