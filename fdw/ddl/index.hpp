/*
 * CREATE INDEX and DROP INDEX of stream tables, whose indexes are indexes on their storages.
 */
#pragma once

#include "fdw/ddl/user_statement.hpp"

#include <optional>
#include <string>

namespace pgtrickle {

/* Executes an IndexStmt on a stream table. C++ frame. */
void create_index(const UserStatement &call);

/* Executes a DropStmt of any kind. An adopted index (storage/adopted_index.hpp) among those that are dropped becomes
 * the storage's own again before, with CONCURRENTLY in a transaction of its own. PostgreSQL frame. */
void drop_index(const UtilityCall &call);

/* An entry of fdw/module.cpp, for AlterObjectDependsStmt: an adopted index that is to depend on an extension becomes
 * one beside the storage's own. */
void keep_index_of_key(const UtilityCall &call);

/* An index of a stream table as a dump contains it. */
struct DumpedIndex {
    std::string definition;                /* CREATE INDEX; the relation in it is ignored */
    std::optional<std::string> tablespace; /* none: that of the storage; empty: that of the database */
    std::optional<std::string> comment;
    std::optional<std::string> statistics; /* of storage::statistics_targets() */
    std::optional<std::string> extensions; /* of storage::extension_names() */
};

/* Creates an index of a stream table again, as the owner of that, in a security-restricted operation. It is in the
 * tablespace of the storage if its own does not exist or `placer` may not create relations there. No event
 * trigger fires. Raises a warning if it fails, or is elsewhere. C++ frame. */
void restore_index(Oid relid, const DumpedIndex &dumped, Oid placer);

} // namespace pgtrickle
