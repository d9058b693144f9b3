/*
 * A program: the statements that a refresh of one stream table runs.
 *
 * A program is a list of steps. Each step keeps one *arrangement*: a heap whose content is the new state of
 * one operator. Operators that are linear (filter, project, join, union all) need no arrangement and are
 * printed inline; an aggregate, a DISTINCT … below the root keeps one of its own. The last step's arrangement
 * is the *storage* that users read. A refresh runs the steps in order: the step's delta statement computes
 * the delta of its arrangement from the deltas of sources and of earlier steps, apply changes the heap, and
 * the change of the *output columns* is the step's own delta (rows with weight ±1), which later steps and
 * downstream stream tables read.
 *
 *   deltas of sources ──► delta_sql(step 0) ──► apply ──► delta of step 0 ──► delta_sql(step 1) ──► …
 *
 * Invariants (the law test checks the differentiator against them, the property test the whole):
 *   - after any sequence of refreshes, the output columns of the rows of the last arrangement
 *     are, as a multiset, the defining query's answer on the sources' new state: it holds no
 *     other row;
 *   - full_sql(step) over new states returns exactly the rows of the arrangement, so that
 *     filling from nothing and refreshing by deltas produce the same heap content.
 */
#pragma once

#include "engine/plan/plan.hpp"
#include "engine/plan/relation_names.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace pgtrickle::engine {

enum class Layout {
    rows,   /* one heap row per copy; identity: the image of the output columns */
    groups, /* one heap row per key; identity: the key, under the types' equality */
};

enum class Role {
    key,   /* groups: the value of the delta; set when the row is inserted */
    state, /* groups: `sql` merges the old value o.<name> (NULL when the row is new) with d.<name> */
    final, /* groups: `sql` computes it from the merged row n.<name> (states and keys) */
    value, /* rows */
};

/* A physical column of an arrangement. Output columns come first, in the query's order and with its names;
 * hidden ones follow, named pgt_… */
struct ArrangementColumn {
    Column column;
    Role role;
    std::string sql; /* for state and final */
};

struct Step {
    Layout layout = Layout::rows;
    std::vector<ArrangementColumn> columns;
    int output_count = 0;
    std::vector<int> key; /* groups: positions in `columns`; empty: the global aggregate */
    /* groups: for each of `key`, the position of the column that shows it: the key itself, or one whose value is equal
     * but may look different. */
    std::vector<int> shown_keys;
    /* Positions in `columns` of those by which its rows are found, through a btree; empty: by the hash of their
     * identity. Few rows have the same values in them. */
    std::vector<int> found_by;
    bool is_key_shared = false; /* found_by: a row shares its values with some others, so they are no key */
    int count_column = -1;      /* groups: position of the number of input rows (bigint) */
    /* groups: columns of the delta only, which determine when to recompute: what was retracted. */
    std::vector<Column> changes;
    /* groups: SQL over o.<name> and d.<name>: true when the group must be recomputed from its input (a
     * retracted extremum, a float sum …); empty: never. */
    std::string recompute_sql_condition;
    /* groups: the recomputation may take the other states from the touched groups, merged: they are given with all
     * columns, not only with their keys. */
    bool takes_merged_states = false;
    /* Positions of the columns that identify the keys which the step recomputes when a change touches them;
     * empty if it recomputes none. */
    std::vector<int> recomputed_by;
    bool replaces_rows = false; /* rows: its delta may contain rows that replace stored ones */
    std::vector<DeltaInput> inputs;
    bool is_compared =
        false; /* rows: the changes of its input cannot be captured; the result of full_sql is compared with it */
    std::vector<Lookup> lookups;                      /* look-ups by this step's statements */
    std::vector<std::vector<IndexTerm>> looked_up_by; /* terms of this arrangement by which later steps look it up */
};

struct StepPlan;

/* Which of step.inputs have a delta that is not empty, by position. A statement reads the deltas of these inputs, and
 * of no others. */
using ChangedInputs = std::vector<bool>;

/* Prints the statements. One for fewer changed inputs has fewer terms. */
class Program {
  public:
    explicit Program(const PlanPtr &plan);

    const std::vector<Step> &steps() const { return steps_; }

    /* rows: the value columns, then pgt_weight bigint (may be signed, may repeat a row, need not be
     * consolidated); if the step replaces rows, then pgt_heap oid and pgt_ctid tid, which are NULL unless the row,
     * whose weight is 1, replaces the stored row there. groups: the key columns, then one column for each state column
     * and each of step.changes, consolidated (one row for each key). */
    std::string delta_sql(int step, const ChangedInputs &changed, const RelationNames &names) const;
    /* Returns all physical columns, in order. */
    std::string full_sql(int step, const RelationNames &names) const;
    /* groups: as full_sql(), for the keys in names.touched() only; a key without rows is absent. */
    std::string recompute_sql(int step, const RelationNames &names) const;

    /* For a step with recomputed_by: returns one bigint, the number of those keys that the changes touch. */
    std::string touched_count_sql(int step, const ChangedInputs &changed, const RelationNames &names) const;

    /* Whether the changes of a source may be read as they are logged, without being summed first: one step reads them,
     * once, each row for itself, and sums them by group or by image. */
    bool sums_by_itself(int source) const;
    /* Returns a condition over the columns of a source, by their names there: a changed row that does not meet it may
     * be left out (needed_changes.hpp). Empty: none. */
    std::string needed_changes(int source) const;

    /* Returns the operator tree for explain, a line for each operator; sources without a name are
     * numbered. */
    std::string explain(const std::vector<std::string> &source_names = {}) const;

    /* Returns how a step is computed (step_plan.hpp); the law test runs it without SQL. */
    const StepPlan &step_plan(int step) const { return *step_plans_.at(step); }

  private:
    PlanPtr plan_;
    std::vector<Step> steps_;
    std::vector<std::shared_ptr<const StepPlan>> step_plans_;
};

/* Maximum depth of a plan that is maintained by deltas. A level takes up to 2 kB of the stack, which is
 * usually limited to 8 MB. */
constexpr int max_depth = 1000;

/* Maximum of PlanNode::reads() of a plan that is maintained by deltas: the text of a statement contains a shared node
 * at each of its uses, unless it is a delta. PostgreSQL plans a text with twice as many for seconds. */
constexpr int max_reads = 400;

/* Maximum number of columns of an arrangement, or of its delta: that of a table, without the hash of a row. */
constexpr size_t most_columns = 1599;

/* Returns why a plan cannot be maintained by deltas. A plan with an objection must not become a program. */
std::optional<Objection> objection(const PlanPtr &plan);
/* Returns why the rows of a program cannot be stored. */
std::optional<Objection> objection(const Program &program);

} // namespace pgtrickle::engine
