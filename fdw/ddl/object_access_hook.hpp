/*
 * Reactions to objects that are dropped or altered by any statement: DROP, DROP OWNED, DROP SCHEMA … CASCADE,
 * DROP EXTENSION … CASCADE.
 */
#pragma once

#include "pg/hooks.hpp"

namespace pgtrickle {

/* Entry of fdw/module.cpp: object access. PostgreSQL frame. */
void handle_object_access(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *argument);

} // namespace pgtrickle
