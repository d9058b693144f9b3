/*
 * How a step is computed: the linear plan below its arrangement and, for groups, how a
 * group is kept. Names in a group's SQL (`#3`) are resolved by name_of_state.
 */
#pragma once

#include "engine/operators/aggregates/group.hpp"
#include "engine/operators/keyed/reserve.hpp"
#include "engine/operators/recursion/recursion_delta.hpp"
#include "engine/program.hpp"

#include <optional>

namespace pgtrickle::engine {

/* A step whose touched keys are recomputed (operators/recompute.hpp). */
struct Recompute {
    PlanPtr rows;                 /* below the operator: linear over scans and arrangements */
    std::vector<int> keys;        /* of the columns of `rows` */
    PlanPtr stored;               /* the step's own arrangement, hidden columns included */
    std::vector<int> stored_keys; /* the same keys among its columns */
};

/* A step that keeps the first rows of an order (operators/reserve.hpp). */
struct ReserveStep {
    PlanPtr rows;   /* below the operator */
    PlanPtr stored; /* the step's own arrangement */
    ReserveTerms terms;
};

struct StepPlan {
    PlanPtr input;              /* linear over scans of sources and earlier arrangements, or a recomputed operator */
    std::optional<Group> group; /* groups only; group->input is `input` */
    std::vector<std::string> key_names;
    std::vector<std::string> state_names;
    std::optional<Recompute> recompute = {}; /* rows only */
    std::optional<ReserveStep> reserve = {}; /* rows only */
    std::optional<RecursionPlan> recursion = {}; /* the change is recursion_delta() then */

    /* `text` with each `#n` replaced by the quoted name of state n. */
    std::string resolve(const std::string &text) const;
    /* `input`'s keys and arguments as columns k1 … a1 …, over `rows` in place of the input. */
    PlanPtr prepared(const PlanPtr &rows) const;
};

/* The change of the step's input when exactly `changed` have changed; null: none. */
PlanPtr delta_plan(const StepPlan &plan, const std::vector<DeltaInput> &changed);
/* Of a step with recomputed_by: the keys that a change of `changed` touches; null: none. */
PlanPtr touched_plan(const StepPlan &plan, const std::vector<DeltaInput> &changed);
/* The rows of the touched groups. */
std::vector<PlanPtr> touched_plans(const StepPlan &plan);

/* Lowers `plan` into steps: cuts it at every operator that keeps an arrangement. */
void lower(const PlanPtr &plan, std::vector<Step> &steps, std::vector<std::shared_ptr<const StepPlan>> &plans);
/* Fills in what each step looks up by key, and is looked up by. */
void find_lookups(std::vector<Step> &steps, const std::vector<std::shared_ptr<const StepPlan>> &plans);

} // namespace pgtrickle::engine
