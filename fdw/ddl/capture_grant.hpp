/*
 * GRANT, as far as it lets a source be captured for a stream table. C++ frames.
 */
#pragma once

#include "fdw/ddl/utility_call.hpp"

namespace pgtrickle {

/* Carries out a GrantStmt or GrantRoleStmt. */
void grant(const UtilityCall &utility);

/* Stream tables whose owners may have captured, by now, what is not captured for them are to be refreshed when this
 * transaction has committed: that refresh begins to capture it. */
void note_allowed_captures();

} // namespace pgtrickle
