/*
 * A stream table prepared for refreshing: its definition, its program, its heaps, and the kept plans of the
 * program's statements. Built once per backend and kept until anything that it was built from changes.
 *
 * Invariant: a Compiled returned by compiled_of() matches the catalogs as of the relation locks that the
 * caller holds: a relcache invalidation of the stream table, a source or an arrangement makes it stale, and
 * the next call builds it again. Its memory is a context of its own below TopMemoryContext, freed when it is
 * replaced, or when other entries need the memory (plan_cache.hpp).
 *
 * A session gets one only with the right to compile it (code/compile_right.hpp): functions that take a relid raise
 * 42501 without.
 *
 * All functions are C++ frames; they throw PgError.
 */
#pragma once

#include "definition/definition.hpp"
#include "engine/program.hpp"
#include "pg/boundary.hpp"
#include "pg/versions/rights.hpp"
#include "refresh/code/used_objects.hpp"
#include "refresh/program/kept_plan.hpp"
#include "refresh/program/local_cost_hints.hpp"
#include "refresh/program/plan_cache.hpp"
#include "storage/apply/group_program.hpp"
#include "translate/translate.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace pgtrickle::refresh {

struct CompiledSource {
    Oid relid;
    bool is_stream_table;
    bool is_only; /* as in SourceRef */
    bool is_compared;
    std::vector<AttrNumber> columns;
    bool is_read_by_owner; /* as in SourceRef */
    TupleDesc changes;     /* capture::changes_descriptor */
    bool is_captured;
    bool has_policies; /* row-level security is enabled for it, whether or not for the roles that read it here */
    bool is_summed_by_step = false; /* as in engine::Program::sums_by_itself() */
    std::string needed = {};        /* as engine::Program::needed_changes() returns it */
    List *needed_conjuncts = NIL;   /* needed, once it is prepared (needed_rows.hpp) */
};

struct CompiledStep {
    engine::Step step;
    Oid heap = InvalidOid;
    std::string heap_name; /* qualified and quoted */
    storage::StepFacts facts;
    bool may_have_rows_to_place = false; /* in the default partition (storage/apply/placement.hpp) */
    std::vector<int> key;
    std::vector<int> found_by;    /* as the heap was created; see engine::Step */
    TupleDesc physical = nullptr; /* without pgt_hash */
    TupleDesc delta = nullptr;    /* columns of the delta statement */
    TupleDesc output = nullptr;   /* output columns and pgt_weight */
    TupleDesc touched = nullptr;  /* groups: the key columns, or all (engine::Step::takes_merged_states) */
    storage::GroupProgram *groups = nullptr;
    std::map<engine::ChangedInputs, KeptPlan> delta_plans;
    std::map<engine::ChangedInputs, KeptPlan> touched_count_plans;
    KeptPlan full_plan;
    KeptPlan recompute_plan;
    std::optional<bool> lacks_index; /* see lacks_index() */
};

struct Compiled : CacheEntry {
    MemoryContext context = nullptr;
    Definition definition;
    bool is_stale = false;
    bool has_current_layout = true;             /* otherwise its heaps are those of another program, or are missing, or
                                                 * it is marked for a new setup */
    bool has_lost_a_key = false;                /* it finds rows by columns that are no key of its sources any more */
    bool has_other_collations = false;          /* its rows and indexes are of other versions of collations */
    bool has_gained_a_key = false;              /* it finds rows by their hash, and its sources have a key now */
    bool is_only_renamed = false;               /* … only columns of its arrangements have other names than there */
    bool captures_match_privileges = true;      /* otherwise sources must begin or cease to be captured for it */
    bool logs_are_checked = false;              /* the logs had all columns when it was refreshed first */
    std::vector<Oid> captured;                  /* relations with the privileges that decide that */
    int capture_privilege = 0;                  /* guc::capture_privilege when this was built */
    bool is_elsewhere = false;                  /* another process refreshes the stream table from now on */
    std::vector<Oid> relations;                 /* relations of the stream table itself, with their indexes */
    std::shared_ptr<LocalCostHints> experience; /* outlives this Compiled */
    bool is_time_dependent = false;             /* the answer changes without its sources; see translate */
    /* Absent if the stream table is maintained by full refreshes; it then has one step, of layout rows. */
    std::unique_ptr<engine::Program> program;
    QueryParts parts;               /* constants and objects that the texts of the program use */
    UsedObjects objects;            /* an invalidation of any of them makes this stale */
    std::string collation_versions; /* of what the query uses; see definition/state/collation_versions.hpp */
    std::vector<CompiledSource> sources;
    std::vector<CompiledStep> steps;
    /* All relations that the query reads, views included, with the columns and the role as which they are
     * read. */
    RequiredRights asked;

    Oid relid() const { return definition.relid; }
    bool is_full_only() const { return program == nullptr; }
    /* Whether all sources are captured. Otherwise there are no deltas, even if there is a program, and the
     * contents may be out of date at any time. */
    bool is_captured() const { return definition.uncaptured_source() == nullptr; }
    /* Whether the rows depend on roles: on memberships and exemptions, which decide the policies in force. */
    bool depends_on_roles() const
    {
        return std::any_of(sources.begin(), sources.end(), [](const auto &source) { return source.has_policies; });
    }
};

/* Whether the query has a program in its refresh mode, and its sources are captured. Otherwise the stream
 * table is maintained by full refreshes. */
bool is_incremental(const Definition &definition);

/* Whether the heaps are those that the query needs. Policies and roles decide whether the query has a
 * program, and roles can change without a lock. The caller holds a lock on the stream table. */
bool has_current_layout(Oid relid);

/* Whether the heaps are not those that the query needs, have lost a key, or are of other collations. The caller holds a
 * lock on the stream table. */
bool needs_other_heaps(Oid relid);
/* Whether rows are found by their hash although the sources have a key by now. The heaps are right, but larger and
 * slower than needed. A restore creates the keys of sources after the stream tables. The caller holds a lock on the
 * stream table. */
bool has_unused_key(Oid relid);
/* Rebuilds the heaps (setup/setup.hpp); this takes AccessExclusive, and leaves the stream table unpopulated. The
 * caller holds a lock on the stream table. */
void rebuild_heaps(Oid relid);

/* Returns the compiled stream table, which is valid until the next call for the same stream table, or of
 * discard_stale(). The caller holds a lock on the stream table. Raises 55006 while a refresh runs, which uses
 * entries that this call might replace, and 55000 unless has_current_layout(). */
Compiled &compiled_of(Oid relid);
/* As compiled_of(), whatever the heaps are, for a caller that reads none of them. */
Compiled &compiled_beside_heaps(Oid relid);

/* Has the entry built again before its next use: names of its texts refer to other objects by now. */
void mark_stale(Compiled &compiled);
/* Frees entries that are out of date, those of dropped stream tables included, and entries that exceed
 * pg_trickle.plan_cache_size. */
void discard_stale();

/* Says that another process refreshes the stream table from now on: the next discard_stale() frees its
 * entry. */
void forget(Oid relid) noexcept;

/* Returns the plan of a statement, prepared if it is missing or no longer valid, with its relations locked;
 * the caller runs it before it requests another plan. Needs a Connection with the relations that the
 * statement reads registered. */
const KeptPlan &full_plan(Compiled &compiled, int step);
/* Whether the full statement costs less than a delta that is planned for the number of rows in memory, as the planner
 * estimates both: if many rows of many tables that are joined have changed, a delta has a join of all for each of them.
 */
bool is_full_cheaper(const Compiled &compiled, int step, const KeptPlan &delta);
/* With `once`, which the caller owns, the plan is made for the number of rows in memory now, and is not kept. */
const KeptPlan &delta_plan(Compiled &compiled, int step, const engine::ChangedInputs &changed, KeptPlan *once);
const KeptPlan &touched_count_plan(Compiled &compiled, int step, const engine::ChangedInputs &changed, KeptPlan *once);
const KeptPlan &recompute_plan(Compiled &compiled, int step, KeptPlan *once);

struct ProgramText {
    std::string purpose;
    std::string sql;
};

/* Returns the statements of the program, one for each step and changed input, for human readers; for a stream
 * table maintained by full refreshes, the query. */
std::vector<ProgramText> texts_of(const Compiled &compiled);

/* Returns a text of the program for human readers, with its constants as literals. */
std::string readable(const std::string &text, const Compiled &compiled);

/* Raises 42501 unless the owner may still read all relations of the defining query. */
void check_privileges(const Compiled &compiled);

/* Returns the name of a delta among the relations of a statement. */
std::string delta_name(engine::DeltaInput input);
constexpr const char *touched_name = "pgt_touched";

/* Registers the invalidation callbacks; called once, by _PG_init(). */
void register_refresh();

} // namespace pgtrickle::refresh
