/*
 * A stream table made ready for refreshing: its definition, its program, its heaps, and the
 * kept plans of the program's statements. Built once per backend and kept until anything
 * it was built from changes.
 *
 * Invariant: a Compiled that compiled_of() returns matches the catalogs as of the relation locks the
 * caller holds: a relcache invalidation of the stream table, a source or an arrangement
 * makes it stale, and it is built anew at the next call. Its memory is a context of its own
 * below TopMemoryContext, freed when it is replaced, or when others need the room (plan_cache.hpp).
 *
 * C++ frames throughout; they throw PgError.
 */
#pragma once

#include "definition/definition.hpp"
#include "engine/program.hpp"
#include "pg/boundary.hpp"
#include "refresh/program/local_cost_hints.hpp"
#include "pg/versions/rights.hpp"
#include "refresh/program/plan_cache.hpp"
#include "refresh/program/kept_plan.hpp"
#include "refresh/program/used_objects.hpp"
#include "storage/apply/group_program.hpp"
#include "translate/translate.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace pgtrickle::refresh {

struct CompiledSource {
    Oid relid;
    bool is_stream_table;
    bool is_only;     /* as in SourceRef */
    bool is_compared;
    std::vector<AttrNumber> columns;
    bool is_read_by_owner; /* as in SourceRef */
    TupleDesc changes; /* capture::changes_descriptor */
    bool is_captured;
};

struct CompiledStep {
    engine::Step step;
    Oid heap = InvalidOid;
    std::string heap_name;     /* qualified and quoted */
    storage::StepFacts facts;
    std::vector<int> key;
    TupleDesc physical = nullptr; /* without pgt_hash */
    TupleDesc delta = nullptr;    /* what the delta statement delivers */
    TupleDesc output = nullptr;   /* output columns and pgt_weight */
    TupleDesc touched = nullptr;  /* groups: the key columns */
    std::vector<int> delta_identity; /* positions of the identity's columns in `delta` */
    std::vector<int> full_identity;  /* … and in `physical` */
    storage::GroupProgram *groups = nullptr;
    std::map<uint64_t, KeptPlan> delta_plans; /* by mask of changed inputs */
    std::map<uint64_t, KeptPlan> touched_count_plans; /* likewise */
    KeptPlan full_plan;
    KeptPlan recompute_plan;
};

struct Compiled : CacheEntry {
    MemoryContext context = nullptr;
    Definition definition;
    bool is_stale = false;
    bool has_current_layout = true; /* else its heaps are those of another program, or of none */
    bool is_captured_as_may_be = true; /* else other sources are captured for it than its owner may have captured */
    std::vector<Oid> captured;     /* whose privileges decide that */
    int capture_privilege = 0;     /* guc::capture_privilege, as it was then */
    bool is_elsewhere = false;     /* another process refreshes it from now on */
    std::vector<Oid> relations;    /* its own, with their indexes */
    std::shared_ptr<LocalCostHints> experience; /* survives this */
    bool is_time_dependent = false;      /* its answer changes without its sources: see translate */
    /* Absent: kept by full refresh, one step of layout rows. */
    std::unique_ptr<engine::Program> program;
    QueryParts parts; /* what the program's texts use */
    std::vector<CachedObject> objects; /* functions and types that the program uses */
    std::vector<CompiledSource> sources;
    std::vector<CompiledStep> steps;
    /* All that the query reads, views included, with the columns and the role they are read as. */
    AskedRights asked;

    Oid relid() const { return definition.relid; }
    bool is_full_only() const { return program == nullptr; }
    /* Else it has no deltas, with a program or without: what it shows may be out of date at any time. */
    bool is_captured() const { return definition.uncaptured_source() == nullptr; }
};

/* Whether its query has a program in its refresh mode, and its sources are captured: else it is kept by full refreshes. */
bool is_kept_by_deltas(const Definition &definition);

/* Whether the heaps are those that its query needs. Policies and roles decide whether that has a program, and roles
 * change unseen. The caller holds a lock on the stream table. */
bool has_current_layout(Oid relid);

/* Rebuilds the heaps (setup/setup.hpp) if they are not those that its query needs; takes AccessExclusive then, and the stream table is
 * unpopulated after that. The caller holds a lock on the stream table. */
void ensure_current_layout(Oid relid);

/* The caller holds a lock on the stream table. Valid until the next call for the same
 * stream table, or of discard_stale(). Raises 55006 while a refresh runs, which uses what this might replace; and 55000
 * unless it has_current_layout(). */
Compiled &compiled_of(Oid relid);

/* Frees what is out of date, that of stream tables that were dropped included, and what is more than fits into
 * pg_trickle.plan_cache_size. */
void discard_stale();

/* It is refreshed elsewhere from now on: what is kept of it goes at the next discard_stale(). */
void forget(Oid relid) noexcept;

/* The plan of a statement, prepared when it is missing or no longer valid; locked, to be run before anything else is
 * asked for. Within a connection that has the relations the statement reads registered. */
const KeptPlan &delta_plan(Compiled &compiled, int step, uint64_t changed);
const KeptPlan &full_plan(Compiled &compiled, int step);
const KeptPlan &touched_count_plan(Compiled &compiled, int step, uint64_t changed);
const KeptPlan &recompute_plan(Compiled &compiled, int step);

struct ProgramText {
    std::string purpose;
    std::string sql;
};

/* The statements of the program, one a step and changed input, for people to read; of a stream
 * table kept by full refresh, the query. */
std::vector<ProgramText> texts_of(const Compiled &compiled);

/* A text of the program for people to read: with its constants as literals. */
std::string readable(const std::string &text, const Compiled &compiled);

/* Raises 42501 unless the owner may still read all that the defining query reads. */
void check_privileges(const Compiled &compiled);

/* Names of the deltas among the relations of a statement. */
std::string delta_name(engine::DeltaInput input);
constexpr const char *touched_name = "pgt_touched";

/* Registers the invalidation callbacks; called once, by _PG_init. */
void register_refresh();

} // namespace pgtrickle::refresh
