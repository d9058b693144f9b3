/*
 * Lowering: from a plan to steps.
 *
 * The plan is cut at every grouping. Projections over a grouping become part of its arrangement: an
 * expression becomes a `final` column computed when the group changes. An output that is a key or a state is
 * that physical column, so that a count or a sum is stored once. An arrangement holds every group, so it
 * holds only expressions that the query evaluates for every group: those of its own select list and those
 * that cannot fail. A filter (HAVING) and the nodes above it are computed from the arrangement, by the step
 * that reads it, so that the storage has a row for each row of the answer and no other.
 *
 * A node that the plan uses more than once (a CTE) is lowered once, so that its grouping is one step for all
 * nodes that read it. Projections over one of its uses are therefore not made part of its arrangement.
 */
#include "engine/operators/aggregates/family.hpp"
#include "engine/operators/copy.hpp"
#include "engine/operators/delta.hpp"
#include "engine/operators/differentiator.hpp"
#include "engine/operators/keyed/recompute.hpp"
#include "engine/operators/project.hpp"
#include "engine/operators/recursion/recursive.hpp"
#include "engine/operators/sql.hpp"
#include "engine/ordered_lookup.hpp"
#include "engine/plan/unique_name.hpp"
#include "engine/recompute_step.hpp"
#include "engine/step_plan.hpp"

#include <algorithm>
#include <cctype>
#include <map>

namespace pgtrickle::engine {

namespace {

/* A grouping with the projections over it. */
struct Chain {
    std::shared_ptr<const Aggregate> grouping;
    std::shared_ptr<const Recursive> recursion; /* the recursive UNION that is grouped, if there is one */
    std::vector<Expression> outputs;            /* expressions over the grouping's output columns */
};

/* Throws OversizedExpression. */
void compose_all(Chain &chain, const std::vector<Expression> &inner)
{
    constexpr size_t most_pieces = 10 * Expression::most_pieces;
    size_t pieces = 0;
    for (auto &output : chain.outputs) {
        output = output.compose(inner);
        pieces += output.pieces.size();
        if (pieces > most_pieces)
            throw OversizedExpression();
    }
}

bool may_fail(const Project &project)
{
    return std::any_of(project.expressions().begin(), project.expressions().end(),
                       [](const auto &named) { return named.expression.may_fail; });
}

void collect_inputs(const PlanPtr &plan, std::vector<DeltaInput> &inputs)
{
    visit_once(plan, [&](const PlanPtr &node) {
        if (auto leaf = node->leaf())
            if (std::find(inputs.begin(), inputs.end(), *leaf) == inputs.end())
                inputs.push_back(*leaf);
    });
}

/* Whether the types are the same: a type may have two names, pg_catalog.int8 and bigint. */
bool is_same_type(const Column &left, const Column &right)
{
    return left.type == right.type ||
           (!left.has_modifier && !right.has_modifier && left.kind != TypeKind::other && left.kind == right.kind);
}

/* Sets how the rows of the step are found. Those of a recursion are found by their hash, by its own statements
 * (operators/recursion/recursion_delta.hpp). */
void choose_place(Step &step, const StepPlan &plan)
{
    if (plan.recursion)
        return;
    std::vector<Column> columns;
    for (const auto &column : step.columns)
        columns.push_back(column.column);
    if (step.layout == Layout::groups)
        step.found_by = indexable(step.key, columns);
    else if (plan.input->width() == static_cast<int>(step.columns.size()))
        step.found_by = indexable(plan.input->row_key(), columns);
    step.is_key_shared = step.layout == Layout::rows && plan.input->is_key_shared();
}

/* Returns the columns of the step's output by which its rows differ; nothing if it has none. */
std::vector<int> key_of_output(const Step &step)
{
    const std::vector<int> &key = step.layout == Layout::groups ? step.key : step.found_by;
    const bool is_shown = !step.is_key_shared &&
                          std::all_of(key.begin(), key.end(), [&](int column) { return column < step.output_count; });
    return is_shown ? key : std::vector<int>{};
}

/* Lays out the physical columns of one arrangement of groups. */
class Arrangement {
  public:
    Arrangement(const PlanPtr &top, Chain chain, PlanPtr input)
        : top_(top), chain_(std::move(chain)), group_(group_of(*chain_.grouping, std::move(input))),
          key_count_(static_cast<int>(group_.keys.size())), place_of_(key_count_ + group_.states.size(), -1)
    {
        compose_all(chain_, group_.outputs);
    }

    std::pair<Step, std::shared_ptr<const StepPlan>> build()
    {
        step_.layout = Layout::groups;
        step_.output_count = top_->width();
        for (int i = 0; i < top_->width(); i++)
            add_output(i);
        for (size_t slot = 0; slot < place_of_.size(); slot++)
            if (is_of_delta_only(static_cast<int>(slot)))
                add_change(static_cast<int>(slot));
            else if (place_of_[slot] < 0)
                add_hidden(static_cast<int>(slot));
        for (int slot = 0; slot < key_count_; slot++) {
            step_.key.push_back(place_of_[slot]);
            step_.shown_keys.push_back(place_of_[group_.outputs[slot].as_column()]);
        }
        step_.count_column = place_of_[key_count_];
        name_everything();
        plan_.input = group_.input;
        plan_.group = group_;
        if (group_.is_recomputed_for_ends)
            find_ends();
        step_.takes_merged_states = !plan_.ends.empty();
        return {step_, std::make_shared<StepPlan>(plan_)};
    }

  private:
    /* Finds all ends, or none. Both directions are those of one index. */
    void find_ends()
    {
        for (const GroupEnd &end : group_.ends) {
            const int column = group_.arguments.at(end.argument).as_column();
            const auto lookup = ordered_lookup(group_.input, group_.keys, {{column, "", false}});
            if (!lookup || !lookup->first) {
                plan_.ends.clear();
                return;
            }
            plan_.ends.push_back({end, *lookup});
        }
    }
    Column base_column(int slot) const
    {
        return slot < key_count_ ? group_.key_columns[slot] : group_.states[slot - key_count_].column;
    }
    bool is_of_delta_only(int slot) const { return group_.states_of_delta_only.contains(slot - key_count_); }
    void add_change(int slot)
    {
        step_.changes.push_back(base_column(slot));
        step_.changes.back().name = free_name(base_column(slot).name);
    }
    void add_output(int position)
    {
        Column column = top_->columns()[position];
        column.name = free_name(column.name);
        int slot = chain_.outputs[position].as_column();
        if (slot < 0 || place_of_[slot] >= 0 || !is_same_type(column, base_column(slot))) {
            step_.columns.push_back({column, Role::final, {}});
            return;
        }
        place_of_[slot] = position;
        step_.columns.push_back({column, slot < key_count_ ? Role::key : Role::state, {}});
    }
    void add_hidden(int slot)
    {
        Column column = base_column(slot);
        column.name = free_name(slot < key_count_ ? "pgt_key_" + std::to_string(slot + 1) : column.name);
        place_of_[slot] = static_cast<int>(step_.columns.size());
        step_.columns.push_back({column, slot < key_count_ ? Role::key : Role::state, {}});
    }
    std::string free_name(const std::string &wanted)
    {
        return unique_name(wanted, [&](const std::string &name) {
            return std::any_of(step_.columns.begin(), step_.columns.end(),
                               [&](const auto &column) { return column.column.name == name; }) ||
                   std::any_of(step_.changes.begin(), step_.changes.end(),
                               [&](const Column &column) { return column.name == name; });
        });
    }
    std::string print(const Expression &expression) const
    {
        return expression.print([&](int slot) { return "n." + quoted(step_.columns[place_of_.at(slot)].column.name); });
    }
    ArrangementColumn &column_of_slot(int slot) { return step_.columns[place_of_[slot]]; }
    /* All names are known: prints the expressions that refer to them. */
    void name_everything()
    {
        auto change = step_.changes.begin();
        for (int slot = 0; slot < static_cast<int>(place_of_.size()); slot++) {
            const std::string &name = is_of_delta_only(slot) ? (change++)->name : column_of_slot(slot).column.name;
            (slot < key_count_ ? plan_.key_names : plan_.state_names).push_back(name);
        }
        for (int i = 0; i < static_cast<int>(group_.states.size()); i++)
            if (!is_of_delta_only(key_count_ + i))
                column_of_slot(key_count_ + i).sql = plan_.resolve(group_.states[i].merge);
        for (int i = 0; i < step_.output_count; i++)
            if (step_.columns[i].role == Role::final)
                step_.columns[i].sql = print(chain_.outputs[i]);
        step_.recompute_sql_condition = recompute_condition();
        if (std::find(group_.recompute.begin(), group_.recompute.end(), "true") != group_.recompute.end())
            step_.recomputed_by = step_.key;
    }
    /* A group without rows needs no recomputation, except the global group, which always has a row. */
    std::string recompute_condition() const
    {
        if (group_.recompute.empty())
            return {};
        std::vector<std::string> parts;
        for (const auto &condition : group_.recompute)
            parts.push_back("(" + plan_.resolve(condition) + ")");
        std::string any = "coalesce(" + joined(parts, " OR ") + ", false)";
        if (key_count_ == 0)
            return any;
        return plan_.resolve("coalesce(o.#0, 0) + d.#0 > 0 AND ") + any;
    }

    const PlanPtr &top_;
    Chain chain_;
    Group group_;
    int key_count_;
    std::vector<int> place_of_; /* physical columns of the keys, then of the states; -1: of the delta only */
    Step step_;
    StepPlan plan_;
};

class Lowering {
  public:
    Lowering(const PlanPtr &plan, std::vector<Step> &steps, std::vector<std::shared_ptr<const StepPlan>> &plans)
        : root_(plan.get()), uses_(uses_of(plan)), steps_(steps), plans_(plans)
    {
    }

    PlanPtr lower(const PlanPtr &plan)
    {
        auto known = lowered_.find(plan.get());
        if (known == lowered_.end())
            known = lowered_.emplace(plan.get(), lower_anew(plan)).first;
        return known->second;
    }

    bool is_kept(const PlanPtr &plan) const
    {
        return chain_of(plan) || window_of(plan) || recursive_union_all(plan) ||
               dynamic_cast<const Reserve *>(plan.get());
    }

    void add_rows(const PlanPtr &top, const PlanPtr &lowered, bool is_compared = false)
    {
        Step step;
        step.is_compared = is_compared;
        for (const auto &column : top->columns())
            step.columns.push_back({column, Role::value, {}});
        step.output_count = top->width();
        collect_inputs(lowered, step.inputs);
        StepPlan step_plan{lowered, std::nullopt, {}, {}};
        if (auto recursive = std::dynamic_pointer_cast<const Recursive>(lowered)) {
            std::vector<std::string> names;
            for (const auto &column : top->columns())
                names.push_back(column.name);
            step_plan.recursion = recursion_plan(*recursive, names, {});
        }
        choose_place(step, step_plan);
        steps_.push_back(step);
        plans_.push_back(std::make_shared<StepPlan>(step_plan));
    }

  private:
    /* Returns the grouping that `plan` is an arrangement of; nothing if it is none. Projections that may fail
     * are computed above the arrangement of a grouping that is not the root: a filter there may exclude a row
     * before an expression is evaluated that fails for it. The expressions of an arrangement have no subqueries. */
    std::optional<Chain> chain_of(const PlanPtr &plan) const
    {
        Chain chain;
        for (int i = 0; i < plan->width(); i++)
            chain.outputs.push_back(column_reference(i, plan->columns()[i]));
        for (PlanPtr node = plan;; node = node->inputs()[0]) {
            if (node != plan && uses_.at(node.get()) > 1)
                return std::nullopt;
            if (auto project = std::dynamic_pointer_cast<const Project>(node)) {
                if (plan.get() != root_ && may_fail(*project))
                    return std::nullopt;
                const std::vector<Expression> inner = expressions_of(*project);
                if (std::any_of(chain.outputs.begin(), chain.outputs.end(),
                                [&](const Expression &output) { return output.needs_columns(inner); }))
                    return std::nullopt;
                compose_all(chain, inner);
            } else if (auto distinct = std::dynamic_pointer_cast<const Distinct>(node)) {
                chain.grouping = distinct->as_aggregate();
                return chain;
            } else if (auto recursive = std::dynamic_pointer_cast<const Recursive>(node);
                       recursive && recursive->is_set()) {
                chain.grouping = recursive->as_aggregate();
                chain.recursion = recursive;
                return chain;
            } else {
                chain.grouping = std::dynamic_pointer_cast<const Aggregate>(node);
                return chain.grouping ? std::optional(chain) : std::nullopt;
            }
        }
    }

    /* Returns the window that `plan` is an arrangement of; null if it is none. */
    std::shared_ptr<const Window> window_of(const PlanPtr &plan) const
    {
        PlanPtr node = plan;
        while (passes_partitions_on(node) && (node == plan || uses_.at(node.get()) == 1))
            node = node->inputs()[0];
        bool is_refreshable_by_others_only = node != plan && uses_.at(node.get()) > 1;
        return is_refreshable_by_others_only ? nullptr : std::dynamic_pointer_cast<const Window>(node);
    }

    /* Adds a step; returns the scan of its arrangement that replaces the plan from here on. */
    PlanPtr add(const std::pair<Step, std::shared_ptr<const StepPlan>> &made, bool has_one_row = false)
    {
        steps_.push_back(made.first);
        plans_.push_back(made.second);
        Step &step = steps_.back();
        choose_place(step, *made.second);
        collect_inputs(made.second->input, step.inputs);
        std::vector<Column> columns;
        for (int i = 0; i < step.output_count; i++)
            columns.push_back(step.columns[i].column);
        return arrangement_scan(static_cast<int>(steps_.size()) - 1, columns, key_of_output(step), has_one_row);
    }

    PlanPtr lower_anew(const PlanPtr &plan)
    {
        if (auto chain = chain_of(plan); chain && chain->recursion)
            return add_recursive_union(plan, *chain);
        else if (chain) {
            PlanPtr input = lower(chain->grouping->inputs()[0]);
            return add(Arrangement(plan, *chain, input).build(), plan->has_one_row());
        }
        if (auto reserve = std::dynamic_pointer_cast<const Reserve>(plan)) {
            PlanPtr rows = lower(reserve->inputs()[0]);
            return add(reserve_step(*reserve, rows, static_cast<int>(steps_.size())));
        }
        if (auto window = window_of(plan)) {
            PlanPtr rows = lower(window->inputs()[0]);
            return add(recompute_step(plan, rows, static_cast<int>(steps_.size())));
        }
        if (auto copy = std::dynamic_pointer_cast<const Copy>(plan)) {
            PlanPtr input = lower(plan->inputs()[0]);
            add_rows(plan, input, copy->reason() == CopyReason::compared);
            return arrangement_scan(static_cast<int>(steps_.size()) - 1, plan->columns(), key_of_output(steps_.back()));
        }
        if (auto recursive = recursive_union_all(plan)) {
            add_rows(plan, lowered(*recursive));
            return arrangement_scan(static_cast<int>(steps_.size()) - 1, plan->columns(), key_of_output(steps_.back()));
        }
        return with_lowered_inputs(plan);
    }

    PlanPtr with_lowered_inputs(const PlanPtr &plan)
    {
        std::vector<PlanPtr> inputs;
        for (const auto &input : plan->inputs())
            inputs.push_back(lower(input));
        return inputs == plan->inputs() ? plan : plan->with_inputs(inputs);
    }

    /* Returns the recursive UNION ALL of which `plan` at most renames columns. */
    std::shared_ptr<const Recursive> recursive_union_all(const PlanPtr &plan) const
    {
        PlanPtr node = plan;
        if (auto project = std::dynamic_pointer_cast<const Project>(plan)) {
            node = plan->inputs()[0];
            bool is_same = node->width() == plan->width() && uses_.at(node.get()) == 1;
            for (int i = 0; i < plan->width(); i++)
                is_same = is_same && project->expressions()[i].expression.as_column() == i;
            if (!is_same)
                return nullptr;
        }
        auto recursive = std::dynamic_pointer_cast<const Recursive>(node);
        return recursive && !recursive->is_set() ? recursive : nullptr;
    }

    PlanPtr add_recursive_union(const PlanPtr &plan, const Chain &chain)
    {
        auto recursion = lowered(*chain.recursion);
        auto [step, made] = Arrangement(plan, chain, recursion->derivations()).build();
        auto step_plan = std::make_shared<StepPlan>(*made);
        step_plan->recursion = recursion_plan(*recursion, made->key_names, made->state_names.at(0));
        return add({step, step_plan});
    }

    std::shared_ptr<const Recursive> lowered(const Recursive &recursive)
    {
        return std::dynamic_pointer_cast<const Recursive>(with_lowered_inputs(recursive.shared_from_this()));
    }

    /* Returns the plan of the recursion for the step that is added next, whose arrangement has the columns
     * `names` for those of R. */
    RecursionPlan recursion_plan(const Recursive &recursive, const std::vector<std::string> &names,
                                 const std::string &count) const
    {
        std::vector<Column> columns = recursive.columns();
        for (size_t i = 0; i < columns.size(); i++)
            columns[i].name = names.at(i);
        PlanPtr kept = kept_rows(static_cast<int>(steps_.size()), columns, count);
        return {recursive.base(), recursive.step(), recursive.reference(), recursive.is_set(), kept};
    }

    const PlanNode *const root_;
    const std::map<const PlanNode *, int> uses_;
    std::map<const PlanNode *, PlanPtr> lowered_;
    std::vector<Step> &steps_;
    std::vector<std::shared_ptr<const StepPlan>> &plans_;
};

} // namespace

std::string StepPlan::resolve(const std::string &text) const
{
    std::string result;
    for (size_t i = 0; i < text.size(); i++) {
        if (text[i] != '#') {
            result += text[i];
            continue;
        }
        if (i + 1 < text.size() && text[i + 1] == '#') {
            result += text[++i];
            continue;
        }
        int state = 0;
        while (i + 1 < text.size() && std::isdigit(static_cast<unsigned char>(text[i + 1])))
            state = state * 10 + (text[++i] - '0');
        result += quoted(state_names.at(state));
    }
    return result;
}

PlanPtr StepPlan::prepared(const PlanPtr &rows) const
{
    std::vector<NamedExpression> expressions;
    for (size_t i = 0; i < group->keys.size(); i++)
        expressions.push_back({column_reference(group->keys[i], group->key_columns[i]), "k" + std::to_string(i + 1)});
    for (size_t i = 0; i < group->arguments.size(); i++)
        expressions.push_back({group->arguments[i], "a" + std::to_string(i + 1)});
    return project(rows, expressions);
}

std::vector<std::string> StepPlan::prepared_names() const
{
    std::vector<std::string> names;
    for (size_t i = 0; i < group->keys.size(); i++)
        names.push_back("k" + std::to_string(i + 1));
    for (size_t i = 0; i < group->arguments.size(); i++)
        names.push_back("a" + std::to_string(i + 1));
    return names;
}

PlanPtr delta_plan(const StepPlan &plan, const std::vector<DeltaInput> &changed)
{
    if (plan.reserve) {
        PlanPtr delta = Differentiator(changed).delta(plan.reserve->rows);
        return delta ? reserve_delta(delta, plan.reserve->stored, plan.reserve->rows, plan.reserve->terms) : nullptr;
    }
    if (plan.recursion)
        return recursion_delta(*plan.recursion, changed);
    if (plan.recompute)
        return recompute_delta(plan, Differentiator(changed).delta(plan.recompute->rows));
    return Differentiator(changed).delta(plan.input);
}

PlanPtr touched_plan(const StepPlan &plan, const std::vector<DeltaInput> &changed)
{
    PlanPtr delta = Differentiator(changed).delta(plan.recompute ? plan.recompute->rows : plan.input);
    return delta ? touched_keys(delta, plan.recompute ? plan.recompute->keys : plan.group->keys) : nullptr;
}

std::vector<PlanPtr> touched_plans(const StepPlan &plan)
{
    if (plan.key_names.empty())
        return {plan.input};
    return {touched_rows(plan.input, plan.group->keys, plan.key_names, false),
            touched_rows(plan.input, plan.group->keys, plan.key_names, true)};
}

void lower(const PlanPtr &plan, std::vector<Step> &steps, std::vector<std::shared_ptr<const StepPlan>> &plans)
{
    Lowering lowering(plan, steps, plans);
    PlanPtr lowered = lowering.lower(plan);
    if (!lowering.is_kept(plan))
        lowering.add_rows(plan, lowered);
    find_lookups(steps, plans);
}

} // namespace pgtrickle::engine
