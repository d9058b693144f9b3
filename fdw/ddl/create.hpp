/*
 * CREATE FOREIGN TABLE … SERVER pgtrickle, from the statement to a stream table that is filled,
 * in the statement's transaction.
 */
#pragma once

#include "fdw/ddl/utility_call.hpp"

namespace pgtrickle {

/* Carries out a CreateForeignTableStmt on our server. C++ frame. */
void create_stream_table(const UtilityCall &call);

} // namespace pgtrickle
