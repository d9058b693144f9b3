/*
 * Outer joins, through the anti-join ▷ (rows without a match):
 *
 *     LEFT  = A ⋈ B  ⊎  (A ▷ B) × NULLs
 *     RIGHT = A ⋈ B  ⊎  NULLs × (B ▷ A)
 *     FULL  = A ⋈ B  ⊎  (A ▷ B) × NULLs  ⊎  NULLs × (B ▷ A)
 *
 *     D(A ▷ B) = Σ_dA w·[cnt_old = 0]  +  Σ_A' w·([cnt_new = 0] − [cnt_old = 0])
 *
 * with the matches of a row of A counted in B. cnt_old is cnt_new − d, d the weight of the matching rows of
 * D(B): the old count is used in the dA term too, because the second sum runs over all of the new A and so
 * already moves dA's rows from old to new. A NULL key matches nothing: such rows change with dA only. Where B
 * has not changed, the matches of dA and its rows without one are dA LEFT B'.
 */
#include "engine/operators/delta.hpp"
#include "engine/operators/differentiator.hpp"
#include "engine/operators/joins/join.hpp"
#include "engine/operators/sql.hpp"

#include <numeric>

namespace pgtrickle::engine {

namespace {

std::vector<Column> side_by_side(OuterKind kind, const PlanPtr &left, const PlanPtr &right)
{
    std::vector<Column> columns = left->columns();
    columns.insert(columns.end(), right->columns().begin(), right->columns().end());
    for (size_t i = 0; i < columns.size(); i++) {
        const bool is_of_left = i < left->columns().size();
        if (kind == OuterKind::full || (kind == OuterKind::right) == is_of_left)
            columns[i].may_be_null = true;
    }
    return columns;
}

/* Returns the condition of A ⋈ B with B's columns first. */
Condition swapped(const Condition &condition, int left_width, int right_width)
{
    std::vector<int> map(left_width + right_width);
    std::iota(map.begin(), map.begin() + left_width, right_width);
    std::iota(map.begin() + left_width, map.end(), 0);
    Condition result = renumber(condition, map);
    for (auto &pair : result.equalities)
        std::swap(pair.left, pair.right);
    return result;
}

/* Returns a side of an outer join as a FROM item; the null-extended side must consist of bare columns. Only
 * the preserved side can be a delta, and its weight is then the row's weight. */
Select as_one_item(Printer &printer, const PlanPtr &plan)
{
    Select select = printer.select(plan);
    bool is_weighted = plan->is_weighted();
    bool has_only_columns = true;
    for (bool is_atom : select.is_atom)
        has_only_columns = has_only_columns && is_atom;
    if (select.from.size() == 1 && select.where.empty() && has_only_columns)
        return select;
    return printer.wrap(printer.numbered(select, is_weighted), plan->width(), is_weighted);
}

} // namespace

OuterJoin::OuterJoin(OuterKind kind, PlanPtr left, PlanPtr right, Condition condition)
    : PlanNode({left, right}, side_by_side(kind, left, right)), kind_(kind), condition_(std::move(condition))
{
}

std::string OuterJoin::describe() const
{
    const char *word = kind_ == OuterKind::left ? "left join" : kind_ == OuterKind::right ? "right join" : "full join";
    return word + describe_condition(condition_, columns());
}

ZSet OuterJoin::meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const
{
    ZSet result;
    ZSet unmatched_left = inputs[0], unmatched_right = inputs[1];
    for (const auto &[left, left_weight] : inputs[0].rows())
        for (const auto &[right, right_weight] : inputs[1].rows()) {
            Row row = left;
            row.insert(row.end(), right.begin(), right.end());
            if (!evaluation.holds(condition_, row))
                continue;
            result.add(row, left_weight * right_weight);
            unmatched_left.remove(left);
            unmatched_right.remove(right);
        }
    if (kind_ != OuterKind::right)
        for (auto [row, weight] : unmatched_left.rows()) {
            Row padded = row;
            padded.resize(width());
            result.add(padded, weight);
        }
    if (kind_ != OuterKind::left)
        for (const auto &[row, weight] : unmatched_right.rows()) {
            Row padded(width() - row.size());
            padded.insert(padded.end(), row.begin(), row.end());
            result.add(padded, weight);
        }
    return result;
}

PlanPtr OuterJoin::derivative(Differentiator &differentiator) const
{
    PlanPtr left = differentiator.delta(inputs()[0]), right = differentiator.delta(inputs()[1]);
    if (left && !right && kind_ != OuterKind::right)
        return sum_of({outer_join(OuterKind::left, left, inputs()[1], condition_),
                       kind_ == OuterKind::full ? unmatched_delta(differentiator, false) : nullptr});
    if (right && !left && kind_ != OuterKind::left)
        return sum_of({outer_join(OuterKind::right, inputs()[0], right, condition_),
                       kind_ == OuterKind::full ? unmatched_delta(differentiator, true) : nullptr});
    PlanPtr matched = differentiator.delta(join(inputs(), condition_));
    std::vector<PlanPtr> terms{matched};
    if (kind_ != OuterKind::right)
        terms.push_back(unmatched_delta(differentiator, true));
    if (kind_ != OuterKind::left)
        terms.push_back(unmatched_delta(differentiator, false));
    return sum_of(terms);
}

PlanPtr OuterJoin::unmatched_delta(Differentiator &differentiator, bool of_left) const
{
    const PlanPtr &rows = inputs()[of_left ? 0 : 1];
    const PlanPtr &other = inputs()[of_left ? 1 : 0];
    Condition condition = of_left ? condition_ : swapped(condition_, inputs()[0]->width(), inputs()[1]->width());
    PlanPtr rows_delta = differentiator.delta(rows);
    PlanPtr other_delta = differentiator.delta(other);
    std::vector<PlanPtr> terms;
    if (rows_delta)
        terms.push_back(padded(unmatched(rows_delta, other, other_delta, condition), of_left));
    if (other_delta)
        terms.push_back(padded(transition(rows, other, other_delta, condition), of_left));
    return sum_of(terms);
}

PlanPtr OuterJoin::padded(const PlanPtr &rows, bool of_left) const
{
    std::vector<NamedExpression> expressions;
    int left_width = inputs()[0]->width();
    for (int i = 0; i < width(); i++) {
        bool is_of_rows = (i < left_width) == of_left;
        int position = of_left ? i : i - left_width;
        expressions.push_back(
            {is_of_rows ? column_reference(position, columns()[i]) : null_of(columns()[i]), columns()[i].name});
    }
    return project(rows, expressions);
}

Select OuterJoin::print(Printer &printer) const
{
    const char *word = kind_ == OuterKind::left    ? " LEFT JOIN "
                       : kind_ == OuterKind::right ? " RIGHT JOIN "
                                                   : " FULL JOIN ";
    Select left = as_one_item(printer, inputs()[0]);
    Select right = as_one_item(printer, inputs()[1]);
    Select result;
    result.weights = left.weights;
    result.weights.insert(result.weights.end(), right.weights.begin(), right.weights.end());
    for (const auto &output : left.outputs)
        result.add_output(output, true);
    for (const auto &output : right.outputs)
        result.add_output(output, true);
    result.from.push_back("(" + left.from[0] + word + right.from[0] + " ON " +
                          printer.condition(condition_, result.outputs) + ")");
    return result;
}

PlanPtr OuterJoin::with_inputs(std::vector<PlanPtr> inputs) const
{
    return outer_join(kind_, inputs.at(0), inputs.at(1), condition_);
}

std::pair<int, int> OuterJoin::origin(int position) const
{
    return origin_in_concatenation(inputs(), position);
}

PlanPtr outer_join(OuterKind kind, PlanPtr left, PlanPtr right, Condition condition)
{
    auto node = std::make_shared<OuterJoin>(kind, std::move(left), std::move(right), std::move(condition));
    check_condition(node->condition(), node->width());
    return node;
}

PlanPtr sample_outer_join(Sampler &sampler)
{
    const OuterKind kinds[] = {OuterKind::left, OuterKind::right, OuterKind::full};
    PlanPtr left = sampler.plan(), right = sampler.plan();
    Condition condition = sampler.condition({left->width(), right->width()});
    return outer_join(kinds[sampler.below(3)], left, right, condition);
}

} // namespace pgtrickle::engine
