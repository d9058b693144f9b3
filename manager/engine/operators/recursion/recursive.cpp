#include "engine/operators/recursion/recursive.hpp"

#include "engine/operators/joins/join.hpp"
#include "engine/operators/sql.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <stdexcept>

namespace pgtrickle::engine {

namespace {

/* More iterations than any terminating recursion of the law test has. */
constexpr int most_iterations = 1000;

class RecursionLeaf final : public PlanNode {
  public:
    explicit RecursionLeaf(std::vector<Column> columns) : PlanNode({}, std::move(columns)) {}
    std::string describe() const override { return "rows found so far"; }
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &) const override
    {
        return evaluation.rows_of_leaf(this);
    }
    PlanPtr derivative(Differentiator &) const override { return nullptr; }
    Select print(Printer &) const override { throw std::logic_error("a recursion is printed with rows in its place"); }
    PlanPtr with_inputs(std::vector<PlanPtr>) const override { return shared_from_this(); }
};

class NamedRows final : public PlanNode {
  public:
    NamedRows(std::string name, std::vector<Column> columns) : PlanNode({}, std::move(columns)), name_(std::move(name))
    {
    }
    std::string describe() const override { return name_; }
    ZSet meaning(const Evaluation &, const std::vector<ZSet> &) const override
    {
        throw std::logic_error("rows of a printed statement have no meaning outside of it");
    }
    PlanPtr derivative(Differentiator &) const override { return nullptr; }
    Select print(Printer &printer) const override
    {
        Select select;
        std::string alias = printer.alias();
        select.from.push_back(name_ + " AS " + alias);
        for (int i = 0; i < width(); i++)
            select.add_output(alias + ".c" + std::to_string(i + 1), true);
        return select;
    }
    PlanPtr with_inputs(std::vector<PlanPtr>) const override { return shared_from_this(); }

  private:
    std::string name_;
};

bool contains(const PlanPtr &plan, const PlanPtr &leaf)
{
    bool is_found = false;
    visit_once(plan, [&](const PlanPtr &node) { is_found = is_found || node == leaf; });
    return is_found;
}

/* Returns the node on the path from `plan` to the leaf that is not linear in it; null: none. */
const PlanNode *obstacle(const PlanPtr &plan, const PlanPtr &leaf)
{
    if (plan == leaf)
        return nullptr;
    int found = 0;
    for (size_t i = 0; i < plan->inputs().size(); i++) {
        const PlanPtr &input = plan->inputs()[i];
        if (!contains(input, leaf))
            continue;
        found++;
        if (!plan->is_linear_in(i))
            return plan.get();
        if (const PlanNode *below = obstacle(input, leaf))
            return below;
    }
    /* A branch of a union that does not contain R would return its rows again at each iteration. */
    bool is_one = plan->is_union() ? found == static_cast<int>(plan->inputs().size()) : found == 1;
    return is_one ? nullptr : plan.get();
}

/* Returns `plan` without DISTINCT on the path to the leaf: the nodes above it are linear, and duplicates do
 * not affect the set of rows that a UNION finds. */
PlanPtr without_distinct(const PlanPtr &plan, const PlanPtr &leaf)
{
    if (plan == leaf || !contains(plan, leaf))
        return plan;
    if (std::dynamic_pointer_cast<const Distinct>(plan))
        return without_distinct(plan->inputs()[0], leaf);
    std::vector<PlanPtr> inputs;
    for (const auto &input : plan->inputs())
        inputs.push_back(without_distinct(input, leaf));
    return inputs == plan->inputs() ? plan : plan->with_inputs(inputs);
}

} // namespace

Recursive::Recursive(PlanPtr base, PlanPtr step, PlanPtr leaf, bool is_set)
    : PlanNode({base, step}, base->columns()), leaf_(std::move(leaf)), is_set_(is_set)
{
}

PlanPtr Recursive::derivations() const
{
    return union_all({base(), with_leaf(step(), leaf_, shared_from_this())});
}

std::shared_ptr<const Aggregate> Recursive::as_aggregate() const
{
    std::vector<int> keys(width());
    std::iota(keys.begin(), keys.end(), 0);
    return std::make_shared<Aggregate>(base(), keys, std::vector<AggregateCall>{});
}

std::string Recursive::describe() const
{
    return is_set_ ? "recursive union" : "recursive union all";
}

ZSet Recursive::meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const
{
    ZSet all;
    ZSet fresh = inputs[0];
    for (int i = 0; !fresh.is_empty(); i++) {
        if (i > most_iterations)
            throw std::runtime_error("a recursion does not end");
        ZSet next;
        for (const auto &[row, weight] : fresh.rows())
            if (!is_set_)
                next.add(row, weight);
            else if (!all.rows().contains(row))
                next.add(row, 1);
        all.add(next);
        fresh = evaluate_with_leaf(step(), leaf_, next, evaluation);
    }
    return all;
}

PlanPtr Recursive::derivative(Differentiator &) const
{
    throw std::logic_error("a recursion is differentiated through its arrangement");
}

std::optional<Objection> Recursive::objection() const
{
    if (const PlanNode *node = obstacle(step(), leaf_))
        return Objection{"recursive term in which the recursion's own rows pass " + node->written(),
                         "its value depends on the rows that a single iteration finds",
                         "Move it out of the recursive term, or use refresh mode FULL."};
    if (!is_set_)
        return std::nullopt;
    for (const auto &column : columns()) {
        if (!column.has_hash)
            return Objection{"recursive UNION on column \"" + column.name + "\" of type " + column.type,
                             "the rows that were found are hashed, and the type has no hash function",
                             "Cast it to a type that has one, such as text, or use refresh mode FULL."};
        if (is_loose(column))
            return Objection{
                "recursive UNION on column \"" + column.name + "\" of type " + column.type,
                "equal values of this type need not be identical, and the recursion continues with one of them",
                "Cast it to a type whose equality is identity, such as text or numeric(20,4), or use refresh mode "
                "FULL."};
    }
    return std::nullopt;
}

Select Recursive::print(Printer &printer) const
{
    std::string name = printer.new_entry();
    Select base_rows = printer.select(base());
    base_rows.outputs = typed_outputs(base_rows, columns());
    Select step_rows = printer.select(with_leaf(step(), leaf_, named_rows(name, columns())));
    step_rows.outputs = typed_outputs(step_rows, columns());
    printer.add_recursive(name, Printer::numbered(base_rows, false) + (is_set_ ? " UNION " : " UNION ALL ") +
                                    Printer::numbered(step_rows, false));
    return printer.select(named_rows(name, columns()));
}

PlanPtr Recursive::with_inputs(std::vector<PlanPtr> inputs) const
{
    return recursive(inputs.at(0), inputs.at(1), leaf_, is_set_);
}

bool is_recursion_leaf(const PlanPtr &plan)
{
    return dynamic_cast<const RecursionLeaf *>(plan.get()) != nullptr;
}

PlanPtr recursion_leaf(std::vector<Column> columns)
{
    return std::make_shared<RecursionLeaf>(std::move(columns));
}

PlanPtr recursive(PlanPtr base, PlanPtr step, PlanPtr leaf, bool is_set)
{
    if (base->width() != step->width() || base->width() != leaf->width())
        throw std::invalid_argument("the terms of a recursion differ in their number of columns");
    PlanPtr kept_step = is_set && !obstacle(without_distinct(step, leaf), leaf) ? without_distinct(step, leaf) : step;
    return std::make_shared<Recursive>(std::move(base), std::move(kept_step), std::move(leaf), is_set);
}

PlanPtr named_rows(std::string name, std::vector<Column> columns)
{
    return std::make_shared<NamedRows>(std::move(name), std::move(columns));
}

namespace {

/* `known` has what took the place of a node: it is replaced once, however often it is used. */
PlanPtr with_leaf(const PlanPtr &plan, std::map<const PlanNode *, PlanPtr> &known)
{
    if (auto found = known.find(plan.get()); found != known.end())
        return found->second;
    std::vector<PlanPtr> inputs;
    for (const auto &input : plan->inputs())
        inputs.push_back(with_leaf(input, known));
    return known.emplace(plan.get(), inputs == plan->inputs() ? plan : plan->with_inputs(inputs)).first->second;
}

} // namespace

PlanPtr with_leaf(const PlanPtr &plan, const PlanPtr &leaf, const PlanPtr &by)
{
    std::map<const PlanNode *, PlanPtr> known = {{leaf.get(), by}};
    return with_leaf(plan, known);
}

ZSet evaluate_with_leaf(const PlanPtr &plan, const PlanPtr &leaf, const ZSet &rows, const Evaluation &evaluation)
{
    ZSet before = evaluation.bind_leaf(leaf.get(), rows);
    ZSet result = evaluate(plan, evaluation);
    evaluation.bind_leaf(leaf.get(), std::move(before));
    return result;
}

std::vector<std::string> typed_outputs(const Select &select, const std::vector<Column> &columns)
{
    std::vector<std::string> outputs;
    for (size_t i = 0; i < columns.size(); i++) {
        const Column &column = columns[i];
        outputs.push_back(select.slot(static_cast<int>(i)) + "::" + column.type +
                          (column.collation.empty() ? "" : " COLLATE " + column.collation));
    }
    return outputs;
}

namespace {

Expression wrapped(const Expression &value, const std::string &before, const std::string &after)
{
    Expression frame;
    frame.pieces = {before, 0, after};
    Expression made = frame.compose({value});
    made.result = value.result;
    return made;
}

} // namespace

/* Every column stays within a few values, and for UNION ALL the first one rises at each step, so that every
 * recursion terminates. */
PlanPtr sample_recursive(Sampler &sampler)
{
    bool is_set = sampler.below(2) == 0;
    int width = 1 + sampler.below(2);
    auto bounded = [&](int of_width) {
        Expression value = wrapped(sampler.scalar(of_width), "(", ") % 2");
        value.result = column_of(TypeKind::int4);
        return value;
    };
    PlanPtr input = sampler.plan();
    std::vector<NamedExpression> columns;
    for (int i = 0; i < width; i++)
        columns.push_back({bounded(input->width()), "r" + std::to_string(i + 1)});
    PlanPtr base = project(input, columns);
    PlanPtr leaf = recursion_leaf(base->columns());
    PlanPtr rows = leaf;
    if (sampler.below(4) > 0) {
        PlanPtr other = sampler.plan();
        Condition condition = sampler.condition({width, other->width()});
        const int form = sampler.below(6);
        if (form == 0)
            rows = outer_join(OuterKind::left, leaf, other, condition);
        else if (form == 1)
            rows = semi_join(sampler.below(2) == 0 ? SemiKind::semi : SemiKind::anti, leaf, other, condition);
        else
            rows = join({leaf, other}, condition);
    }
    if (sampler.below(3) == 0)
        rows = filter(rows, sampler.predicate(rows->width()));
    if (!is_set)
        rows = filter(rows, wrapped(column_reference(0, leaf->columns()[0]), "", " < 2"));
    std::vector<NamedExpression> steps;
    for (int i = 0; i < width; i++)
        steps.push_back({bounded(rows->width()), columns[i].name});
    if (!is_set)
        steps[0].expression = wrapped(column_reference(0, leaf->columns()[0]), "", " + 1");
    PlanPtr step = project(is_set && sampler.below(5) == 0 ? distinct(rows) : rows, steps);
    return recursive(base, step, leaf, is_set);
}

} // namespace pgtrickle::engine
