/*
 * The rows for which a condition with the only row s of another side changes, when s is replaced:
 *
 *     D(A ⋉ S) ∋ Σ_A' w·([θ(a, s_new)] − [θ(a, s_old)])
 *
 * The weights of D(S) sum up to zero, because S has one row before and after. So a row of A for which θ is
 * true for all rows of D(S), or for none, contributes nothing, whatever the form of D(S); the other rows are
 * found before the join, which would otherwise return all rows above the old average and all above the new
 * one, only to cancel them.
 *
 * For a comparison `x > s` they are a range, x > least s and not x > greatest s, which an index on x finds. A
 * NULL is neither least nor greatest; where D(S) has one, as when the input of an average was empty, each row
 * is tested. The two methods are two branches, each behind a one-time filter.
 */
#include "engine/operators/delta.hpp"
#include "engine/operators/sql.hpp"

#include <algorithm>
#include <functional>
#include <stdexcept>

namespace pgtrickle::engine {

namespace {

class TruthChanges : public PlanNode {
  public:
    TruthChanges(const PlanPtr &rows, const PlanPtr &delta) : PlanNode({rows, delta}, rows->columns()) {}
    PlanPtr derivative(Differentiator &) const override { throw std::logic_error("a derivative has no derivative"); }
    /* Only the presence of rows in the delta matters, not their number. */
    bool is_weighted() const override { return inputs()[0]->is_weighted(); }
    std::string describe() const override { return "truth changes"; }

  protected:
    Row beside(const Row &row, const Row &other) const
    {
        Row pair = row;
        pair.insert(pair.end(), other.begin(), other.end());
        return pair;
    }
    /* Returns the value of `expression`, which reads the delta, for each row of it. */
    std::vector<Value> values(const Evaluation &evaluation, const Expression &expression, const ZSet &delta) const
    {
        std::vector<Value> values;
        for (const auto &[row, weight] : delta.rows())
            values.push_back(evaluation.evaluate(expression, beside(Row(inputs()[0]->width()), row)));
        return values;
    }
    /* Returns SELECT `targets` of the delta; `targets` receives the slots of the row, then those of the
     * delta. */
    std::string of_delta(Printer &printer, const std::function<std::string(std::vector<std::string>)> &targets) const
    {
        Select delta = printer.select(inputs()[1]);
        std::vector<std::string> slots(inputs()[0]->width());
        for (const auto &slot : delta.slots())
            slots.push_back(slot);
        std::string text = "SELECT " + targets(slots) + " FROM " + joined(delta.from, ", ");
        return delta.where.empty() ? text : text + " WHERE " + joined(delta.where, " AND ");
    }
    static std::string printed(const Expression &expression, const std::vector<std::string> &slots)
    {
        return "(" + expression.print([&](int i) { return slots.at(i); }) + ")";
    }
    /* Returns a one-time filter: `aggregate` over whether `value` is NULL, or is not NULL, in the rows of the
     * delta. */
    std::string gate(Printer &printer, const Expression &value, const std::string &aggregate, bool is_null) const
    {
        return "(" +
               of_delta(printer,
                        [&](const auto &slots) {
                            return aggregate + "(" + printed(value, slots) + (is_null ? " IS NOT" : " IS") +
                                   " DISTINCT FROM NULL)";
                        }) +
               ")";
    }
};

/* The rows for which θ is true for some row of the delta and not for another. With `value`, empty unless that
 * is NULL in some row of the delta. */
class Tested final : public TruthChanges {
  public:
    Tested(const PlanPtr &rows, const PlanPtr &delta, Condition condition, std::optional<Expression> value)
        : TruthChanges(rows, delta), condition_(std::move(condition)), value_(std::move(value))
    {
    }
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const override
    {
        ZSet result;
        if (value_) {
            auto all = values(evaluation, *value_, inputs[1]);
            if (std::all_of(all.begin(), all.end(), [](const auto &value) { return value.has_value(); }))
                return result;
        }
        for (const auto &[row, weight] : inputs[0].rows()) {
            bool is_true = false, is_not_true = false;
            for (const auto &[other, unused] : inputs[1].rows())
                (evaluation.holds(condition_, beside(row, other)) ? is_true : is_not_true) = true;
            if (is_true && is_not_true)
                result.add(row, weight);
        }
        return result;
    }
    /* The count is compared with a number, because the planner estimates that an equality is rarely true. The
     * truth values are columns of a subquery: an aggregate whose arguments are only outer columns would
     * belong to the outer query. */
    Select print(Printer &printer) const override
    {
        Select rows = printer.select(inputs()[0]);
        std::string alias = printer.alias();
        std::string truths = of_delta(printer, [&](auto slots) {
            auto own = rows.slots();
            std::copy(own.begin(), own.end(), slots.begin());
            return "(" + printer.condition(condition_, slots) + ") IS TRUE AS c1";
        });
        if (value_)
            rows.where.push_back(gate(printer, *value_, "pg_catalog.bool_or", true));
        rows.where.push_back("(SELECT CASE WHEN pg_catalog.bool_or(" + alias + ".c1) AND NOT pg_catalog.bool_and(" +
                             alias + ".c1) THEN 1 ELSE 0 END FROM (" + truths + ") AS " + alias + ") = 1");
        return rows;
    }
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override
    {
        return std::make_shared<Tested>(inputs.at(0), inputs.at(1), condition_, value_);
    }

  private:
    Condition condition_;
    std::optional<Expression> value_;
};

/* The rows of a comparison that is true for some row of the delta and not for another; empty if a value in
 * the delta is NULL. */
class Range final : public TruthChanges {
  public:
    Range(const PlanPtr &rows, const PlanPtr &delta, Comparison comparison)
        : TruthChanges(rows, delta), comparison_(std::move(comparison))
    {
    }
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const override
    {
        ZSet result;
        auto all = values(evaluation, comparison_.right, inputs[1]);
        if (all.empty() || std::any_of(all.begin(), all.end(), [](const auto &value) { return !value; }))
            return result;
        auto [least, greatest] = std::minmax_element(all.begin(), all.end());
        for (const auto &[row, weight] : inputs[0].rows()) {
            Value left = evaluation.evaluate(comparison_.left, row);
            if (evaluation.is_true(comparison_.holds, {left, *(comparison_.is_upwards ? least : greatest)}) &&
                evaluation.is_true(comparison_.fails, {left, *(comparison_.is_upwards ? greatest : least)}))
                result.add(row, weight);
        }
        return result;
    }
    Select print(Printer &printer) const override
    {
        Select rows = printer.select(inputs()[0]);
        std::string left = printed(comparison_.left, rows.slots());
        std::string easiest = first(printer, comparison_.is_upwards ? comparison_.less : comparison_.greater);
        std::string hardest = first(printer, comparison_.is_upwards ? comparison_.greater : comparison_.less);
        rows.where.push_back(gate(printer, comparison_.right, "pg_catalog.bool_and", false));
        rows.where.push_back(printed(comparison_.holds, {left, easiest}));
        rows.where.push_back(printed(comparison_.fails, {left, hardest}));
        return rows;
    }
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override
    {
        return std::make_shared<Range>(inputs.at(0), inputs.at(1), comparison_);
    }

  private:
    /* Returns the value in the delta that is first in the order of an operator. */
    std::string first(Printer &printer, const std::string &by) const
    {
        std::string value;
        std::string text =
            of_delta(printer, [&](const auto &slots) { return value = printed(comparison_.right, slots); });
        return "(" + text + " ORDER BY " + value + " USING " + by + " LIMIT 1)";
    }

    Comparison comparison_;
};

} // namespace

PlanPtr truth_changes(PlanPtr rows, PlanPtr delta, Condition condition, std::optional<Comparison> comparison)
{
    if (!comparison)
        return std::make_shared<Tested>(rows, delta, std::move(condition), std::nullopt);
    return union_all({std::make_shared<Range>(rows, delta, *comparison),
                      std::make_shared<Tested>(rows, delta, std::move(condition), comparison->right)});
}

} // namespace pgtrickle::engine
