/*
 * UNION ALL: linear, D(A ⊎ B) = D(A) ⊎ D(B). Deltas and plain relations may be mixed: a plain row counts
 * once.
 */
#include "engine/operators/differentiator.hpp"
#include "engine/operators/operator.hpp"
#include "engine/operators/sql.hpp"

#include <algorithm>
#include <set>
#include <stdexcept>

namespace pgtrickle::engine {

namespace {

/* The columns of the first input, with the properties that the values of all inputs have. The types are the same,
 * but a scale may have been derived from the expressions of one input. */
std::vector<Column> columns_of(const std::vector<PlanPtr> &inputs)
{
    std::vector<Column> columns = inputs.at(0)->columns();
    for (const PlanPtr &input : inputs)
        for (size_t i = 0; i < columns.size(); i++) {
            const Column &other = input->columns().at(i);
            if (columns[i].scale != other.scale)
                columns[i].scale.reset();
            columns[i].may_be_null = columns[i].may_be_null || other.may_be_null;
        }
    return columns;
}

class UnionAll final : public PlanNode {
  public:
    explicit UnionAll(std::vector<PlanPtr> inputs) : PlanNode(inputs, columns_of(inputs)) {}

    std::string describe() const override { return "union all"; }
    std::string written() const override { return "UNION ALL"; }
    ZSet meaning(const Evaluation &, const std::vector<ZSet> &inputs) const override
    {
        ZSet result;
        for (const auto &input : inputs)
            result.add(input);
        return result;
    }
    PlanPtr derivative(Differentiator &differentiator) const override
    {
        std::vector<PlanPtr> deltas;
        for (const auto &input : inputs())
            deltas.push_back(differentiator.delta(input));
        return sum_of(deltas);
    }
    bool is_multilinear() const override { return true; }
    Select print(Printer &printer) const override
    {
        std::vector<Select> selects;
        for (const auto &input : inputs())
            selects.push_back(printer.select(input));
        const bool may_replace =
            std::any_of(selects.begin(), selects.end(), [](const Select &one) { return !one.replaced.empty(); });
        std::vector<std::string> parts;
        for (auto &select : selects) {
            if (may_replace && select.replaced.empty())
                select.replaced = {"NULL::pg_catalog.oid", "NULL::pg_catalog.tid"};
            parts.push_back(Printer::numbered(select, is_weighted()));
        }
        return printer.wrap(joined(parts, " UNION ALL "), width(), is_weighted(), may_replace);
    }
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override { return union_all(std::move(inputs)); }
    bool is_union() const override { return true; }
    /* The columns of the keys of all inputs: a row of an input shares them with one row of each other, at most. */
    std::vector<int> find_row_key() const override
    {
        std::set<int> columns;
        for (const PlanPtr &input : inputs()) {
            const std::vector<int> &key = input->row_key();
            if (key.empty() && !input->has_one_row())
                return {};
            columns.insert(key.begin(), key.end());
        }
        return {columns.begin(), columns.end()};
    }
    bool is_key_enforced() const override { return false; }
    bool is_key_shared() const override { return true; }
};

} // namespace

PlanPtr union_all(std::vector<PlanPtr> inputs)
{
    if (inputs.empty())
        throw std::invalid_argument("a union needs an input");
    for (const auto &input : inputs)
        if (input->width() != inputs[0]->width())
            throw std::invalid_argument("the inputs of a union differ in their number of columns");
    return std::make_shared<UnionAll>(std::move(inputs));
}

PlanPtr sample_union_all(Sampler &sampler)
{
    PlanPtr first = sampler.plan();
    std::vector<PlanPtr> inputs{first};
    int more = 1 + sampler.below(2);
    for (int i = 0; i < more; i++)
        inputs.push_back(sampler.plan_of_width(first->width()));
    return union_all(inputs);
}

} // namespace pgtrickle::engine
