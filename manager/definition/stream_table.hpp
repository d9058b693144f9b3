/*
 * Stream tables as relations: what is one, its name and owner, and what it reads. The queries and options are in
 * definition.hpp, which fewer files need.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "storage/lockdefs.h"
}

#include <vector>

namespace pgtrickle {

enum class SourceKind { table, stream_table, materialized_view, foreign_table, other };
const char *name_of(SourceKind kind); /* as SQL functions show it: TABLE … */

struct Source {
    Oid relid;
    SourceKind kind;
    std::vector<AttrNumber> columns; /* columns read by the query; ascending; may be empty */
    bool is_captured;                /* false: its owner may not have it captured (capture/permission.hpp) */
};

namespace definition {

/* Returns true if relid is a foreign table of the extension's server. Cheap (syscache only), and safe for any
 * OID. PostgreSQL frame. */
bool is_stream_table(Oid relid);
/* Returns true for a source that is a foreign table, but no stream table. No trigger captures its changes: a
 * dependent keeps a copy, with which a refresh compares the present rows. There is no log, and functions that
 * look for pending changes find none. */
bool is_compared(Oid source);

/* Locks relid, an OID that was found without a lock. Returns false, without the lock, if the stream table has
 * been dropped in the meantime. PostgreSQL frame. */
bool lock_if_exists(Oid relid, LOCKMODE mode);

/* Returns true if foreign tables of this server are stream tables. PostgreSQL frame. */
bool is_server_for_stream_tables(const char *server_name);

/* Returns true for the schemas of logs, heaps and the views of definitions. PostgreSQL frame. */
bool is_internal_schema(Oid schema);
/* Returns true for these, and the schema of the extension's own tables and functions: none holds a relation of a user.
 * PostgreSQL frame. */
bool is_reserved_schema(Oid schema);
/* Raises 42939 for a stream table that is created in such a schema, or moved there. PostgreSQL frame. */
void refuse_reserved_schema(Oid schema);

/* Returns the internal view pg_trickle_storage.def_<relid>, or InvalidOid if it does not exist. PostgreSQL
 * frame. */
Oid view_of(Oid relid);

/* Returns the relations that relid reads directly, by source number. C++ frame. */
std::vector<Source> sources_of(Oid relid);
/* Returns the relations that relid and its upstreams read directly; one that several read once for each. C++ frame. */
std::vector<Source> all_sources_of(Oid relid);
/* Returns the stream tables upstream of relid at any distance, nearest first, each once, without relid
 * itself. C++ frame. */
std::vector<Oid> upstreams_of(Oid relid);
/* As upstreams_of(), and relid itself at the end. */
std::vector<Oid> with_upstreams(Oid relid);
/* Returns the stream tables that read `source`, which may be any relation, directly. C++ frame. */
std::vector<Oid> dependents_of(Oid source);
/* Returns all stream tables of this database. C++ frame. */
std::vector<Oid> all();

/* Returns "schema.name", unquoted, as messages show it; in the current memory context. PostgreSQL frame. */
char *qualified_name(Oid relid);
/* Raises 42P15 for the cycle `path`: each element reads the next one, and the last element is the first one.
 * C++ frame. */
[[noreturn]] void raise_cycle(const std::vector<Oid> &path);
/* Raises 42501 "must be owner of stream table s.t" unless the current user owns it or is a member of its
 * owner. PostgreSQL frame. */
void require_owner(Oid relid);
/* Returns the stream table of this name, which is parsed as in SQL. Raises 42P01 "stream table not found: …"
 * if there is none. Takes no lock. PostgreSQL frame. */
Oid relid_of_name(const char *name);

} // namespace definition
} // namespace pgtrickle
