/*
 * CREATE INDEX on a stream table creates an index on its storage.
 */
#pragma once

#include "fdw/ddl/utility_call.hpp"

namespace pgtrickle {

/* Executes an IndexStmt on a stream table. C++ frame. */
void create_index(const UtilityCall &call);
/* Creates an index of a stream table again, as `owner`, in a security-restricted operation and in the
 * tablespace of the storage. `text` is the definition of the index; the relation in it is ignored. `comment` may
 * be null. No event trigger fires. */
void restore_index(Oid relid, Oid owner, const std::string &text, const char *comment);
/* As restore_index() for the owner of the stream table, but raises a warning if it fails. */
void restore_index_or_warn(Oid relid, const std::string &text, const char *comment);

} // namespace pgtrickle
