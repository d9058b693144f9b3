/*
 * A stream table as defined.
 *
 * The truth of what a stream table computes is the rule of its internal view
 * pg_trickle_storage.def_<relid>: an analysed query, which follows every rename and
 * carries dependencies on all it uses. The options of the foreign table are what users
 * see and pg_dump carries: `query` is that rule printed with every name qualified, and
 * rewritten when a name changes; `original_query` is the user's text; `setting_…` are the
 * recorded settings under which the query means what it means.
 *
 * Definitions are read afresh from the catalogs (syscache and two small index scans);
 * whoever keeps one watches the relcache invalidation of the foreign table.
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
    std::vector<AttrNumber> columns; /* read by the query; ascending; may be empty */
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
    bool is_diamond_atomic = true;         /* diamond_consistency 'atomic' */
    bool is_diamond_policy_slowest = false; /* diamond_schedule_policy 'slowest' */
    std::string tier = "hot";             /* how much of its schedule it gets: in `schedule` already, but for 'frozen' */
    bool is_frozen() const { return tier == "frozen"; }
    int work_mem_kb = 0;                   /* 0: the server's */
    int refresh_timeout_ms = 0;            /* 0: none */
    std::vector<Setting> settings;         /* to be in force whenever the query runs */
    std::vector<Source> sources;           /* sources[i] is source number i of the plan */
    /* A source of which no change is noted: its answer may be another one at any time. */
    const Source *uncaptured_source() const;
};

namespace definition {

/* Cheap: whether relid is a foreign table of our server (syscache only). PostgreSQL
 * frame; safe on any OID. */
bool is_stream_table(Oid relid);
/* Whether nothing tells the changes of the source, a foreign table: whoever reads it keeps a copy, and compares.
 * Then there is no log, and nothing here finds a change. */
bool is_compared(Oid source);

/* Locks relid, which a list taken without locks named; false, and not locked, if it has been dropped
 * meanwhile. PostgreSQL frame. */
bool lock_if_there(Oid relid, LOCKMODE mode);

/* Whether foreign tables of this server are stream tables. PostgreSQL frame. */
bool is_server_for_stream_tables(const char *server_name);

/* C++ frame; throws PgError 42P01 if relid is not a stream table. */
Definition load(Oid relid);

/* The analysed defining query, before rewriting (views stand as views, policies are not
 * yet applied), copied into the current memory context; its output columns are the
 * declared columns, in order, under their names and types. PostgreSQL frame. */
Query *query_of(Oid relid);

/* The internal view pg_trickle_storage.def_<relid>; InvalidOid if there is none.
 * PostgreSQL frame. */
Oid view_of(Oid relid);

/* What relid reads directly, by source number. C++ frame. */
std::vector<Source> sources_of(Oid relid);
/* Stream tables that relid reads, directly or by way of others, nearest first, each once, relid
 * itself not included. C++ frame. */
std::vector<Oid> upstreams_of(Oid relid);
/* Stream tables that read `source` (any relation) directly. C++ frame. */
std::vector<Oid> readers_of(Oid source);
/* Every stream table of this database. C++ frame. */
std::vector<Oid> all();

/* "schema.name" as messages have it, unquoted; in the current memory context. PostgreSQL frame. */
char *qualified_name(Oid relid);
/* `path`: each reads the next, the last one is the first. C++ frame. */
[[noreturn]] void raise_cycle(const std::vector<Oid> &path);
/* Raises 42501 "must be owner of stream table s.t" unless the current user owns it or is
 * a member of its owner. PostgreSQL frame. */
void require_owner(Oid relid);
/* The stream table that `name` names, parsed as SQL does; raises 42P01 "stream table not
 * found: …" if there is none. Takes no lock. PostgreSQL frame. */
Oid relid_of_name(const char *name);

} // namespace definition
} // namespace pgtrickle
