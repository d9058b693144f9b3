/*
 * Semi join ⋉ (rows with a match), anti join ▷ (rows without one) and mark join (every row,
 * with whether it has one):
 *
 *     D(A ⋉ B) = Σ_dA w·[cnt_old > 0]  −  t        t = Σ_A' w·([cnt_new = 0] − [cnt_old = 0])
 *     D(A ▷ B) = Σ_dA w·[cnt_old = 0]  +  t
 *     D(mark)  = Σ_dA w·(row, cnt_old > 0)  +  t × false  −  t × true
 *
 * with the matches of a row of A counted in B; outer_join.cpp says why the old count is right
 * beside dA. Copies of a row of B, or several matches, change nothing: only whether the count
 * is zero matters. The condition has to be true, so a NULL matches nothing; what IN and NOT IN
 * make of NULLs is the business of translate/sublink.cpp.
 */
#include "engine/operators/semi_join.hpp"

#include "engine/differentiator.hpp"
#include "engine/operators/delta.hpp"
#include "engine/operators/join.hpp"
#include "engine/sql.hpp"

namespace pgtrickle::engine {

namespace {

Column mark_column()
{
    Column column;
    column.name = "mark";
    column.type = "pg_catalog.bool";
    return column;
}

std::vector<Column> columns_of(SemiKind kind, const PlanPtr &rows)
{
    std::vector<Column> columns = rows->columns();
    if (kind == SemiKind::mark)
        columns.push_back(mark_column());
    return columns;
}

} // namespace

SemiJoin::SemiJoin(SemiKind kind, PlanPtr rows, PlanPtr other, Condition condition)
    : PlanNode({rows, other}, columns_of(kind, rows)), kind_(kind), condition_(std::move(condition))
{
}

std::string SemiJoin::describe() const
{
    const char *word = kind_ == SemiKind::semi ? "semi join" : kind_ == SemiKind::anti ? "anti join" : "mark join";
    std::vector<Column> both = inputs()[0]->columns();
    both.insert(both.end(), inputs()[1]->columns().begin(), inputs()[1]->columns().end());
    return word + describe_condition(condition_, both);
}

ZSet SemiJoin::meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const
{
    ZSet result;
    for (const auto &[row, weight] : inputs[0].rows()) {
        bool has_match = false;
        for (const auto &[match, unused] : inputs[1].rows()) {
            Row pair = row;
            pair.insert(pair.end(), match.begin(), match.end());
            has_match = has_match || evaluation.holds(condition_, pair);
        }
        Row chosen = row;
        if (kind_ == SemiKind::mark)
            chosen.push_back(Value{has_match});
        if (kind_ == SemiKind::mark || has_match == (kind_ == SemiKind::semi))
            result.add(chosen, weight);
    }
    return result;
}

PlanPtr SemiJoin::derivative(Differentiator &differentiator) const
{
    PlanPtr rows_delta = differentiator.delta(inputs()[0]);
    PlanPtr other_delta = differentiator.delta(inputs()[1]);
    std::vector<PlanPtr> terms;
    if (rows_delta)
        terms.push_back(delta_of_rows(rows_delta, other_delta));
    if (other_delta)
        terms.push_back(delta_of_transitions(other_delta));
    return sum_of(terms);
}

PlanPtr SemiJoin::delta_of_rows(const PlanPtr &rows_delta, const PlanPtr &other_delta) const
{
    const PlanPtr &other = inputs()[1];
    switch (kind_) {
    case SemiKind::semi:
        return matched(rows_delta, other, other_delta, condition_);
    case SemiKind::anti:
        return unmatched(rows_delta, other, other_delta, condition_);
    default:
        return marked(rows_delta, other, other_delta, condition_, columns().back());
    }
}

PlanPtr SemiJoin::delta_of_transitions(const PlanPtr &other_delta) const
{
    PlanPtr changes = transition(inputs()[0], inputs()[1], other_delta, condition_);
    switch (kind_) {
    case SemiKind::semi:
        return negate(changes);
    case SemiKind::anti:
        return changes;
    default:
        return union_all({with_mark(changes, false), negate(with_mark(changes, true))});
    }
}

PlanPtr SemiJoin::with_mark(const PlanPtr &rows, bool mark) const
{
    std::vector<NamedExpression> expressions;
    for (int i = 0; i < rows->width(); i++)
        expressions.push_back({column_reference(i, rows->columns()[i]), rows->columns()[i].name});
    Expression constant;
    constant.pieces = {std::string(mark ? "true" : "false")};
    constant.result = columns().back();
    constant.may_fail = false;
    expressions.push_back({constant, columns().back().name});
    return project(rows, expressions);
}

Select SemiJoin::print(Printer &printer) const
{
    Select rows = printer.select(inputs()[0]);
    Select other = printer.select(inputs()[1]);
    std::vector<std::string> slots = rows.slots(), where = other.where;
    for (const auto &slot : other.slots())
        slots.push_back(slot);
    where.push_back(printer.condition(condition_, slots));
    std::string exists =
        "EXISTS (SELECT FROM " + joined(other.from, ", ") + " WHERE " + joined(where, " AND ") + ")";
    if (kind_ == SemiKind::mark)
        rows.add_output(exists, false);
    else
        rows.where.push_back(kind_ == SemiKind::semi ? exists : "NOT " + exists);
    return rows;
}

PlanPtr SemiJoin::with_inputs(std::vector<PlanPtr> inputs) const
{
    return semi_join(kind_, inputs.at(0), inputs.at(1), condition_);
}

std::pair<int, int> SemiJoin::origin(int position) const
{
    return position < inputs()[0]->width() ? std::pair{0, position} : std::pair{-1, position};
}

PlanPtr semi_join(SemiKind kind, PlanPtr rows, PlanPtr other, Condition condition)
{
    check_condition(condition, rows->width() + other->width());
    return std::make_shared<SemiJoin>(kind, std::move(rows), std::move(other), std::move(condition));
}

PlanPtr sample_semi_join(Sampler &sampler)
{
    const SemiKind kinds[] = {SemiKind::semi, SemiKind::anti, SemiKind::mark};
    PlanPtr rows = sampler.plan(), other = sampler.plan();
    Condition condition = sampler.condition({rows->width(), other->width()});
    return semi_join(kinds[sampler.below(3)], rows, other, condition);
}

} // namespace pgtrickle::engine
