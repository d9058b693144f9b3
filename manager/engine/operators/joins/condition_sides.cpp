#include "engine/operators/joins/condition_sides.hpp"

namespace pgtrickle::engine {

ConditionSides::ConditionSides(const PlanPtr &rows, PlanPtr other_rows, PlanPtr delta_rows, Condition condition)
    : other(std::move(other_rows)), delta(std::move(delta_rows)), between(std::move(condition))
{
    const int width = rows->width();
    std::vector<Expression> conjuncts;
    std::swap(conjuncts, between.others);
    for (Expression &conjunct : conjuncts) {
        const std::vector<int> columns = conjunct.columns();
        if (columns.empty() || conjunct.may_fail || (columns.front() < width && columns.back() >= width))
            between.others.push_back(std::move(conjunct));
        else if (columns.front() < width)
            of_rows.push_back(std::move(conjunct));
        else
            filter_other(std::move(conjunct), width);
    }
}

void ConditionSides::filter_other(Expression conjunct, int width)
{
    for (auto &piece : conjunct.pieces)
        if (piece.index() == 1)
            piece = std::get<1>(piece) - width;
    other = filter(other, conjunct);
    if (delta)
        delta = filter(delta, conjunct);
}

PlanPtr ConditionSides::that_may_match(PlanPtr rows) const
{
    for (const Expression &conjunct : of_rows)
        rows = filter(rows, conjunct);
    return rows;
}

PlanPtr ConditionSides::that_cannot_match(const PlanPtr &rows) const
{
    if (of_rows.empty())
        return nullptr;
    Expression none = of_rows.front();
    none.pieces = {std::string("(")};
    for (const Expression &conjunct : of_rows) {
        none.pieces.emplace_back(none.pieces.size() == 1 ? std::string("(") : std::string(") AND ("));
        none.pieces.insert(none.pieces.end(), conjunct.pieces.begin(), conjunct.pieces.end());
    }
    none.pieces.emplace_back(std::string(")) IS NOT TRUE"));
    none.is_strict = false;
    return filter(rows, none);
}

} // namespace pgtrickle::engine
