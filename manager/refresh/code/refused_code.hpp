/*
 * Code that is refused at the moment when PostgreSQL would run it, while KnownCodeOnly is in force.
 *
 * What a query may run is looked at before it is planned (interpreted_code.hpp). Who owns a table that it reads can add
 * an index or statistics in between, and the planner evaluates what these call as soon as it opens the table, and reads
 * the texts of functions in SQL, whose constants may be of domains. The lock of a reader does not conflict with such
 * statements.
 *
 * Invariant: while KnownCodeOnly is in force, an expression calls no function but those that known code may call
 * (known_code.hpp). PostgreSQL frame.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "catalog/objectaccess.h"
}

namespace pgtrickle::refresh {

/* Entry of fdw/module.cpp: object access. PostgreSQL announces each function that an expression calls. */
void refuse_unknown_function(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *argument);

} // namespace pgtrickle::refresh
