/*
 * Lateral: each row of the input with the rows that functions, VALUES or a set-returning expression compute
 * from it alone. The computed rows depend on nothing else, so it is linear: D(lateral A) = lateral D(A).
 *
 * The left form keeps a row for which no computed row meets the condition, padded with NULLs. It is printed
 * as a separate subquery, since ON could not name the columns of a FROM item further to the left.
 */
#include "engine/operators/differentiator.hpp"
#include "engine/operators/operator.hpp"
#include "engine/operators/sql.hpp"

#include <algorithm>

namespace pgtrickle::engine {

namespace {

std::vector<Column> side_by_side(std::vector<Column> left, const std::vector<Column> &right)
{
    left.insert(left.end(), right.begin(), right.end());
    return left;
}

class Lateral final : public PlanNode {
  public:
    Lateral(const PlanPtr &input, Expression rows, std::vector<Column> computed,
            std::optional<std::vector<Expression>> condition)
        : PlanNode({input}, side_by_side(input->columns(), computed)), rows_(std::move(rows)),
          computed_(std::move(computed)), condition_(std::move(condition))
    {
    }

    std::string describe() const override
    {
        auto name = [&](int i) { return columns().at(i).name; };
        std::string text = (condition_ ? "left lateral " : "lateral ") + rows_.print(name);
        if (!condition_ || condition_->empty())
            return text;
        std::vector<std::string> parts;
        for (const auto &part : *condition_)
            parts.push_back(part.print(name));
        return text + " on " + joined(parts, " and ");
    }
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const override
    {
        ZSet result;
        for (const auto &[row, weight] : inputs[0].rows()) {
            bool is_matched = false;
            for (const auto &computed : evaluation.rows(rows_, row)) {
                Row both = row;
                both.insert(both.end(), computed.begin(), computed.end());
                if (!holds(evaluation, both))
                    continue;
                result.add(both, weight);
                is_matched = true;
            }
            Row padded = row;
            padded.resize(width());
            if (condition_ && !is_matched)
                result.add(padded, weight);
        }
        return result;
    }
    PlanPtr derivative(Differentiator &differentiator) const override
    {
        PlanPtr delta = differentiator.delta(inputs()[0]);
        return delta ? with_inputs({delta}) : nullptr;
    }
    bool is_multilinear() const override { return true; }
    Select print(Printer &printer) const override
    {
        Select select = printer.select(inputs()[0]);
        std::vector<std::string> slots = select.slots();
        std::string alias = printer.alias();
        std::string text = rows_.print([&](int i) { return slots.at(i); });
        for (size_t i = 0; i < computed_.size(); i++) {
            std::string name = "c" + std::to_string(i + 1);
            select.add_output(alias + "." + name, true);
        }
        if (condition_)
            text = left_joined(printer, text, slots);
        select.from.push_back("LATERAL " + text + " AS " + alias + column_names());
        return select;
    }
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override
    {
        return lateral(inputs.at(0), rows_, computed_, condition_);
    }
    std::pair<int, int> origin(int position) const override
    {
        return position < inputs()[0]->width() ? std::pair{0, position} : std::pair{-1, position};
    }

  private:
    bool holds(const Evaluation &evaluation, const Row &row) const
    {
        return !condition_ || std::all_of(condition_->begin(), condition_->end(),
                                          [&](const auto &part) { return evaluation.is_true(part, row); });
    }
    std::string column_names() const
    {
        std::vector<std::string> names;
        for (size_t i = 0; i < computed_.size(); i++)
            names.push_back("c" + std::to_string(i + 1));
        return names.empty() ? "" : "(" + joined(names, ", ") + ")";
    }
    std::string left_joined(Printer &printer, const std::string &text, std::vector<std::string> slots) const
    {
        std::string alias = printer.alias();
        std::vector<std::string> outputs, parts;
        for (size_t i = 0; i < computed_.size(); i++)
            outputs.push_back(alias + ".c" + std::to_string(i + 1));
        slots.insert(slots.end(), outputs.begin(), outputs.end());
        for (const auto &part : *condition_)
            parts.push_back("(" + part.print([&](int i) { return slots.at(i); }) + ")");
        return "(SELECT " + joined(outputs, ", ") + " FROM (SELECT) AS " + printer.alias() + " LEFT JOIN " + text +
               " AS " + alias + column_names() + " ON " + (parts.empty() ? "true" : joined(parts, " AND ")) + ")";
    }

    Expression rows_;
    std::vector<Column> computed_;
    std::optional<std::vector<Expression>> condition_;
};

} // namespace

PlanPtr lateral(PlanPtr input, Expression rows, std::vector<Column> computed,
                std::optional<std::vector<Expression>> condition)
{
    check_slots(rows, input->width());
    auto node = std::make_shared<Lateral>(input, std::move(rows), std::move(computed), condition);
    if (condition)
        for (const auto &part : *condition)
            check_slots(part, node->width());
    return node;
}

PlanPtr sample_lateral(Sampler &sampler)
{
    PlanPtr input = sampler.plan();
    std::optional<std::vector<Expression>> condition;
    if (sampler.below(2) == 0)
        condition = std::vector<Expression>(sampler.below(2), sampler.predicate(input->width() + 1));
    return lateral(input, sampler.rows(input->width()), {sampler.column()}, condition);
}

} // namespace pgtrickle::engine
