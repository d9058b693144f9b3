/*
 * EXPLAIN EXECUTE of a prepared statement that reads stream tables. PostgreSQL explains its plan without the hook of
 * explain_statement.hpp, so the output is collected and completed.
 */
#pragma once

#include "pg/hooks.hpp"

namespace pgtrickle {

/* Entry of fdw/module.cpp. PostgreSQL frame. */
void explain_execute(const UtilityCall &call);

} // namespace pgtrickle
