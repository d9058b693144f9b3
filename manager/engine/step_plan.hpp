/*
 * How a step is computed: the linear plan below its arrangement and, for groups, how a group is kept. Names
 * in a group's SQL (`#3`) are resolved by name_of_state.
 */
#pragma once

#include "engine/operators/aggregates/group.hpp"
#include "engine/operators/keyed/recompute.hpp"
#include "engine/operators/keyed/reserve.hpp"
#include "engine/operators/keyed/window_spans.hpp"
#include "engine/operators/recursion/recursion_delta.hpp"
#include "engine/program.hpp"

#include <optional>

namespace pgtrickle::engine {

/* A step whose touched keys are recomputed (operators/keyed/recompute.hpp). */
struct Recompute {
    PlanPtr rows;                              /* input of the operator: linear over scans and arrangements */
    std::vector<int> keys;                     /* key columns of `rows` */
    PlanPtr stored;                            /* the step's own arrangement, including hidden columns */
    std::vector<int> stored_keys;              /* key columns of `stored` */
    std::optional<LeadingRows> leading = {};   /* if set, the others of a key do not matter */
    std::optional<SpannedWindow> spanned = {}; /* if set, touched keys are recomputed near the changes only */
};

/* A step that keeps the first rows of an order (operators/keyed/reserve.hpp). */
struct ReserveStep {
    PlanPtr rows;   /* input of the operator */
    PlanPtr stored; /* the step's own arrangement */
    ReserveTerms terms;
};

/* An extremum of a group, and the index that has its rows at one end. */
struct FoundEnd {
    GroupEnd end;
    Lookup lookup;
};

struct StepPlan {
    PlanPtr input;              /* linear over scans of sources and earlier arrangements, or a recomputed operator */
    std::optional<Group> group; /* groups only; group->input is `input` */
    std::vector<std::string> key_names;
    std::vector<std::string> state_names;
    std::vector<FoundEnd> ends = {};             /* groups only: all that a recomputation changes; else empty */
    std::optional<Recompute> recompute = {};     /* rows only */
    std::optional<ReserveStep> reserve = {};     /* rows only */
    std::optional<RecursionPlan> recursion = {}; /* if set, the change is recursion_delta() */

    /* Returns `text` with each `#n` replaced by the quoted name of state n. */
    std::string resolve(const std::string &text) const;
    /* Returns the keys and arguments of `input` as columns k1 … a1 …, over `rows` in place of the input. */
    PlanPtr prepared(const PlanPtr &rows) const;
    std::vector<std::string> prepared_names() const;
};

/* Returns the change of the step's input when exactly `changed` have changed; null: none. */
PlanPtr delta_plan(const StepPlan &plan, const std::vector<DeltaInput> &changed);
/* For a step with recomputed_by: returns the keys that a change of `changed` touches; null: none. */
PlanPtr touched_plan(const StepPlan &plan, const std::vector<DeltaInput> &changed);
/* Returns the rows of the touched groups. */
std::vector<PlanPtr> touched_plans(const StepPlan &plan);

/* Returns the statement that recomputes touched groups by the ends of indexes; nothing if an index is missing. */
std::optional<std::string> recompute_at_ends(const Step &step, const StepPlan &plan, const RelationNames &names);

/* Lowers `plan` into steps: cuts it at every operator that keeps an arrangement. */
void lower(const PlanPtr &plan, std::vector<Step> &steps, std::vector<std::shared_ptr<const StepPlan>> &plans);
/* Sets for each step the look-ups that it does, and those by which later steps read it. */
void find_lookups(std::vector<Step> &steps, const std::vector<std::shared_ptr<const StepPlan>> &plans);

} // namespace pgtrickle::engine
