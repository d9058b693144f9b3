/*
 * Reactions to objects that are dropped or altered by any statement: DROP, DROP OWNED, DROP SCHEMA … CASCADE,
 * DROP EXTENSION … CASCADE.
 */
#pragma once

#include "pg/hooks.hpp"

namespace pgtrickle {

/* Entry of fdw/module.cpp: object access. PostgreSQL frame. */
void handle_object_access(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *argument);

/* While an object exists, columns may be added to this stream table: they are those of its next query. C++ frame. */
class AppendedColumns {
  public:
    explicit AppendedColumns(Oid relid);
    ~AppendedColumns();
    AppendedColumns(const AppendedColumns &) = delete;
    AppendedColumns &operator=(const AppendedColumns &) = delete;
};

} // namespace pgtrickle
