/*
 * Statements that change what a defining query means without touching the stream table: a function, view,
 * type or policy is replaced or altered.
 */
#pragma once

#include "fdw/utility.hpp"

namespace pgtrickle {

/* C++ frames. */
void replace_function(const UtilityCall &call); /* CreateFunctionStmt … OR REPLACE, AlterFunctionStmt */
void replace_view(const UtilityCall &call);     /* ViewStmt … OR REPLACE */
void alter_enumeration(const UtilityCall &call); /* AlterEnumStmt */
void alter_policy(const UtilityCall &call);     /* CREATE, ALTER POLICY */

} // namespace pgtrickle
