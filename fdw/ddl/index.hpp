/*
 * CREATE INDEX on a stream table lands on its storage.
 */
#pragma once

#include "fdw/ddl/utility_call.hpp"

namespace pgtrickle {

/* C++ frames: an IndexStmt on a stream table; a DropStmt that may name such indexes. */
void create_index(const UtilityCall &call);
void drop_index(const UtilityCall &call);
/* Makes an index of a stream table again, of which `text` is the definition, in the tablespace of the storage. As `owner`,
 * restricted; no event trigger fires. */
void restore_index(Oid relid, Oid owner, const std::string &text);

} // namespace pgtrickle
