/*
 * The names of the extension's functions. Statements of refreshes and exact reads call them by name, with the rights of
 * the owners of stream tables: a function of another role in the same schema, whose arguments fit better, would be
 * called instead.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "catalog/objectaccess.h"
}

namespace pgtrickle {

/* Entry of fdw/module.cpp: raises 42723 for a function that is created in the schema of the extension, moved there, or
 * renamed, with the name of one of the extension's. PostgreSQL frame. */
void refuse_overload(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *argument);

} // namespace pgtrickle
