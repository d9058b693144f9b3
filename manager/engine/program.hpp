/*
 * A program: what a refresh of one stream table runs.
 *
 * A program is a list of steps. Each step keeps one *arrangement*: a heap table whose
 * content is the new state of one operator. Operators that are linear (filter, project,
 * join, union all) need none and are printed inline; an aggregate, a DISTINCT … below the
 * root keeps one of its own. The last step's arrangement is the *storage* that users
 * read. A refresh runs the steps in order: the step's delta statement computes the delta
 * of its arrangement from the deltas of sources and of earlier steps, apply changes the
 * heap, and what apply changed in the *output columns* is the step's own
 * delta (rows with weight ±1), which later steps and downstream stream tables read.
 *
 *   deltas of sources ──► delta_sql(step 0) ──► apply ──► delta of step 0 ──► delta_sql(step 1) ──► …
 *
 * Invariants (the law test holds the differentiator to them, the property test the whole):
 *   - after any sequence of refreshes, the output columns of the rows of the last arrangement
 *     are, as a multiset, the defining query's answer on the sources' new state: it holds no
 *     other row;
 *   - full_sql(step) over new states gives exactly the rows of the arrangement, so that
 *     filling from nothing and refreshing by deltas meet in the same heap content.
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
    key,   /* groups: taken from the delta as it is; set when the row is inserted */
    state, /* groups: `sql` merges the old value o.<name> (NULL when the row is new) with d.<name>. A few
              exist in the delta only, to tell when to recompute: their `sql` is a NULL constant. */
    final, /* groups: `sql` computes it from the merged row n.<name> (states and keys) */
    value, /* rows */
};

/* A physical column of an arrangement. Output columns come first, in the query's order,
 * named as the query names them; hidden ones follow, named pgt_… */
struct ArrangementColumn {
    Column column;
    Role role;
    std::string sql; /* for state and final */
};

/* A relation that a statement looks up by key, driven by a delta: an index on these
 * terms keeps the refresh from reading it whole. */
struct Lookup {
    DeltaInput relation;
    std::vector<IndexTerm> terms;
    bool operator==(const Lookup &) const = default;
};

struct Step {
    Layout layout = Layout::rows;
    std::vector<ArrangementColumn> columns;
    int output_count = 0;
    std::vector<int> key;      /* groups: positions in `columns`; empty: the global aggregate */
    int count_column = -1;     /* groups: position of the number of input rows (bigint) */
    /* groups: SQL over o.<name> and d.<name>: true when the group must be recomputed from its
     * input (a retracted extremum, a float sum …); empty: never. */
    std::string recompute_sql_condition;
    /* Positions of the columns by which the step computes anew all that a change touches; empty: it does not. */
    std::vector<int> recomputed_by;
    std::vector<DeltaInput> inputs;
    bool is_compared = false;  /* rows: its input cannot tell its changes; full_sql's answer is compared with it */
    std::vector<Lookup> lookups;          /* that this step's statements make */
    std::vector<std::vector<IndexTerm>> looked_up_by; /* terms of this arrangement, by later steps */
};

struct StepPlan;

/* The bit of inputs[i] in a set of changed inputs. Those from the 64th on share the last one:
 * an input of which that says too much has a delta without rows. */
constexpr uint64_t changed_bit(size_t input) { return uint64_t{1} << (input < 63 ? input : 63); }

/* Prints the statements. `changed` selects which of step.inputs have a delta that is not
 * empty (changed_bit); a statement for fewer changed inputs has fewer terms. */
class Program {
  public:
    explicit Program(const PlanPtr &plan);

    const std::vector<Step> &steps() const { return steps_; }

    /* rows: the value columns, then pgt_weight bigint (may be signed, may repeat a row, need not be
     * consolidated). groups: the key columns, then one column for each state column, consolidated
     * (one row a key). */
    std::string delta_sql(int step, uint64_t changed, const RelationNames &names) const;
    /* All physical columns, in order. */
    std::string full_sql(int step, const RelationNames &names) const;
    /* groups: as full_sql, for the keys in names.touched() only; a key without rows is absent. */
    std::string recompute_sql(int step, const RelationNames &names) const;

    /* Of a step with recomputed_by: one bigint, how many of those keys the changes touch. */
    std::string touched_count_sql(int step, uint64_t changed, const RelationNames &names) const;

    /* The operator tree, one line an operator, for explain; sources without a name are numbered. */
    std::string explain(const std::vector<std::string> &source_names = {}) const;

    /* How a step is computed (step_plan.hpp); the law test runs it without SQL. */
    const StepPlan &step_plan(int step) const { return *step_plans_.at(step); }

  private:
    PlanPtr plan_;
    std::vector<Step> steps_;
    std::vector<std::shared_ptr<const StepPlan>> step_plans_;
};

/* Of a plan that is kept incrementally. A level takes up to 2 kB of the stack, which mostly has 8 MB. */
constexpr int max_depth = 1000;

std::optional<Objection> objection(const PlanPtr &plan);

} // namespace pgtrickle::engine
