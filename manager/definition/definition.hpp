/*
 * A stream table as defined.
 *
 * The rule of the internal view pg_trickle_storage.def_<relid> is the authority on what a stream table
 * computes: an analysed query, which follows every rename and carries dependencies on all objects that it
 * uses. The options of the foreign table are what users see and pg_dump dumps: `query` is that rule printed
 * with every name qualified, and rewritten when a name changes; `original_query` is the user's text;
 * `setting_…` are the recorded settings under which the query keeps its meaning.
 *
 * Definitions are read from the catalogs each time (syscache and two small index scans). Code that keeps one
 * must watch for relcache invalidation of the foreign table.
 */
#pragma once

#include "pg/boundary.hpp"

#include "scheduler/cost/refresh_mode.hpp"
#include "scheduler/time/schedule.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

#include <string>
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

struct Setting {
    std::string name;
    std::string value;
};

struct Definition {
    Oid relid = InvalidOid;
    Oid owner = InvalidOid;
    std::string schema_name;
    std::string name;
    std::string query;          /* canonical text */
    std::string original_query; /* as the user wrote it */
    std::string schedule_text;
    scheduler::Schedule schedule;
    RefreshMode mode = RefreshMode::automatic; /* as configured */
    bool initialize = true;
    bool is_append_only = false;
    bool is_diamond_atomic = true;          /* diamond_consistency 'atomic' */
    bool is_diamond_policy_slowest = false; /* diamond_schedule_policy 'slowest' */
    std::string tier = "hot";               /* 'hot', 'warm', 'cold' or 'frozen'; `schedule` includes its
                                             * effect, except that of 'frozen' */
    bool is_frozen() const { return tier == "frozen"; }
    int work_mem_kb = 0;           /* 0: the server's setting */
    int refresh_timeout_ms = 0;    /* 0: no limit */
    std::vector<Setting> settings; /* in force whenever the query runs */
    std::vector<Source> sources;   /* sources[i] is source number i of the plan */
    /* A source whose changes are not captured, or null. With such a source, the answer of the query may
     * change at any time. */
    const Source *uncaptured_source() const;
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

/* Reads the definition from the catalogs. Throws PgError 42P01 if relid is not a stream table. C++ frame. */
Definition load(Oid relid);

/* Returns the analysed defining query before rewriting (views are not expanded, policies are not applied),
 * copied into the current memory context. Its output columns are the declared columns, in order, with their
 * names and types. PostgreSQL frame. */
Query *query_of(Oid relid);

/* Returns the internal view pg_trickle_storage.def_<relid>, or InvalidOid if it does not exist. PostgreSQL
 * frame. */
Oid view_of(Oid relid);

/* Returns the relations that relid reads directly, by source number. C++ frame. */
std::vector<Source> sources_of(Oid relid);
/* Returns the stream tables upstream of relid at any distance, nearest first, each once, without relid
 * itself. C++ frame. */
std::vector<Oid> upstreams_of(Oid relid);
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
