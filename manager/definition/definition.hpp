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

#include "definition/partition_by.hpp"
#include "definition/stream_table.hpp"
#include "scheduler/cost/refresh_mode.hpp"
#include "scheduler/time/schedule.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

#include <optional>
#include <string>
#include <vector>

namespace pgtrickle {

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
    bool is_canonical = false;  /* of a new one: `query` is a canonical text, which does not depend on the session */
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
    PartitionBy partition_by; /* of its storage */
    std::string storage_parameters;
    int work_mem_kb = 0;           /* 0: the server's setting */
    int refresh_timeout_ms = 0;    /* 0: no limit */
    std::vector<Setting> settings; /* in force whenever the query runs */
    std::vector<Source> sources;   /* sources[i] is source number i of the plan */
    /* A source whose changes are not captured, or null. With such a source, the answer of the query may
     * change at any time. */
    const Source *uncaptured_source() const;
};

namespace definition {

/* Raises 42P01: the stream table with that OID was dropped meanwhile. C++ frame. */
[[noreturn]] void raise_dropped(Oid relid);

/* Reads the definition from the catalogs. Throws PgError 42P01 if relid is not a stream table. C++ frame. */
Definition load(Oid relid);
/* As load(), for a caller that has no lock on the stream table, which may be dropped at any moment: returns nothing
 * then. */
std::optional<Definition> load_if_exists(Oid relid);

/* Returns the analysed defining query before rewriting (views are not expanded, policies are not applied),
 * copied into the current memory context. Its output columns are the declared columns, in order, with their
 * names and types. PostgreSQL frame. */
Query *query_of(Oid relid);

} // namespace definition
} // namespace pgtrickle
