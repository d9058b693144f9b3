/*
 * Semi join ⋉ (rows with a match), anti join ▷ (rows without one) and mark join (every row, with whether it
 * has one):
 *
 *     D(A ⋉ B) = Σ_dA w·[cnt_old > 0]  −  t        t = Σ_A' w·([cnt_new = 0] − [cnt_old = 0])
 *     D(A ▷ B) = Σ_dA w·[cnt_old = 0]  +  t
 *     D(mark)  = Σ_dA w·(row, cnt_old > 0)  +  t × false  −  t × true
 *
 * with the matches of a row of A counted in B; outer_join.cpp explains why the dA term uses the old count.
 * Copies of a row of B, or several matches, change nothing: only whether the count is zero matters. The
 * condition must be true, so a NULL matches nothing; translate/subquery/sublink.cpp handles the NULLs of IN
 * and NOT IN.
 *
 * Where B has exactly one row, whatever the sources contain, A ⋉ B is A ⋈ B without B's columns, and changes
 * like it:
 *
 *     D(A ⋉ B) = dA ⋉ B'  +  A' ⋈ dB  −  dA ⋈ dB
 *
 * where the middle term reads only the rows of A that truth_changes.cpp finds.
 */
#include "engine/operators/joins/semi_join.hpp"

#include "engine/operators/aggregates/aggregate.hpp"
#include "engine/operators/delta.hpp"
#include "engine/operators/differentiator.hpp"
#include "engine/operators/joins/join.hpp"
#include "engine/operators/sql.hpp"

#include <algorithm>

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

SemiJoin::SemiJoin(SemiKind kind, PlanPtr rows, PlanPtr other, Condition condition,
                   std::optional<Comparison> comparison)
    : PlanNode({rows, other}, columns_of(kind, rows)), kind_(kind), condition_(std::move(condition)),
      comparison_(std::move(comparison)), is_by_one_row_(kind == SemiKind::semi && other->has_one_row())
{
}

std::string SemiJoin::describe() const
{
    const char *word = is_by_one_row_            ? "filter by one row"
                       : kind_ == SemiKind::semi ? "semi join"
                       : kind_ == SemiKind::anti ? "anti join"
                                                 : "mark join";
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
    if (is_by_one_row_)
        return delta_by_one_row(rows_delta, other_delta);
    std::vector<PlanPtr> terms;
    if (rows_delta)
        terms.push_back(delta_of_rows(rows_delta, other_delta));
    if (other_delta)
        terms.push_back(delta_of_transitions(other_delta));
    return sum_of(terms);
}

PlanPtr SemiJoin::delta_by_one_row(const PlanPtr &rows_delta, const PlanPtr &other_delta) const
{
    auto joined_with_delta = [&](const PlanPtr &rows) {
        std::vector<NamedExpression> expressions;
        for (int i = 0; i < width(); i++)
            expressions.push_back({column_reference(i, columns()[i]), columns()[i].name});
        return project(join({rows, other_delta}, condition_), expressions);
    };
    std::vector<PlanPtr> terms;
    if (rows_delta)
        terms.push_back(semi_join(kind_, rows_delta, inputs()[1], condition_, comparison_));
    if (other_delta) {
        /* With an equality, rows are looked up by it. */
        PlanPtr rows = condition_.equalities.empty() ? truth_changes(inputs()[0], other_delta, condition_, comparison_)
                                                     : inputs()[0];
        terms.push_back(joined_with_delta(rows));
        if (rows_delta)
            terms.push_back(negate(joined_with_delta(rows_delta)));
    }
    return sum_of(terms);
}

PlanPtr SemiJoin::delta_of_rows(const PlanPtr &rows_delta, const PlanPtr &other_delta) const
{
    const PlanPtr &other = inputs()[1];
    switch (kind_) {
    case SemiKind::semi: return matched(rows_delta, other, other_delta, condition_);
    case SemiKind::anti: return unmatched(rows_delta, other, other_delta, condition_);
    default: return marked(rows_delta, other, other_delta, condition_, columns().back());
    }
}

PlanPtr SemiJoin::delta_of_transitions(const PlanPtr &other_delta) const
{
    PlanPtr changes = transition(inputs()[0], inputs()[1], other_delta, condition_);
    switch (kind_) {
    case SemiKind::semi: return negate(changes);
    case SemiKind::anti: return changes;
    default: return union_all({with_mark(changes, false), negate(with_mark(changes, true))});
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
    if (is_by_one_row_) {
        rows.where.push_back(printer.condition(condition_, slots_beside_one_row(printer, rows)));
        return rows;
    }
    Select other = printer.select(inputs()[1]);
    std::vector<std::string> slots = rows.slots(), where = other.where, of_rows;
    for (const auto &slot : other.slots())
        slots.push_back(slot);
    Condition condition = condition_;
    if (kind_ == SemiKind::mark)
        for (const Expression &conjunct : take_conjuncts_of_rows(condition))
            of_rows.push_back("(" + printer.condition({{}, {conjunct}}, slots) + ") IS TRUE AND ");
    where.push_back(printer.condition(condition, slots));
    std::string exists = "EXISTS (SELECT FROM " + joined(other.from, ", ") + " WHERE " + joined(where, " AND ") + ")";
    if (kind_ == SemiKind::mark)
        rows.add_output(joined(of_rows, "") + exists, false);
    else
        rows.where.push_back(kind_ == SemiKind::semi ? exists : "NOT " + exists);
    return rows;
}

/* Removes from `condition` the conjuncts over the rows alone, and returns them. A mark is computed by a subquery, which
 * the planner can hash if it contains equalities only, and which is not needed for rows that fail these conjuncts. */
std::vector<Expression> SemiJoin::take_conjuncts_of_rows(Condition &condition) const
{
    const auto first = std::stable_partition(condition.others.begin(), condition.others.end(), [&](const auto &one) {
        const std::vector<int> columns = one.columns();
        return one.may_fail || columns.empty() || columns.back() >= inputs()[0]->width();
    });
    std::vector<Expression> taken(first, condition.others.end());
    condition.others.erase(first, condition.others.end());
    return taken;
}

/* Returns the columns of the only row as scalar subqueries, which the planner computes once and estimates as one value.
 * Without the casts, which do nothing, ANY and ALL would compare with each row of a subquery and not with each element
 * of its value. */
std::vector<std::string> SemiJoin::slots_beside_one_row(Printer &printer, const Select &rows) const
{
    Select other = printer.select(inputs()[1]);
    std::vector<std::string> slots = rows.slots();
    std::string from = other.from.empty() ? "" : " FROM " + joined(other.from, ", ");
    std::string where = other.where.empty() ? "" : " WHERE " + joined(other.where, " AND ");
    for (int i = 0; i < inputs()[1]->width(); ++i)
        slots.push_back("(SELECT " + other.slot(i) + from + where + ")::" + inputs()[1]->columns()[i].type);
    return slots;
}

PlanPtr SemiJoin::with_inputs(std::vector<PlanPtr> inputs) const
{
    return semi_join(kind_, inputs.at(0), inputs.at(1), condition_, comparison_);
}

std::pair<int, int> SemiJoin::origin(int position) const
{
    return position < inputs()[0]->width() ? std::pair{0, position} : std::pair{-1, position};
}

const Expression *SemiJoin::ranges_over() const
{
    return is_by_one_row_ && comparison_ ? &comparison_->left : nullptr;
}

PlanPtr semi_join(SemiKind kind, PlanPtr rows, PlanPtr other, Condition condition, std::optional<Comparison> comparison)
{
    check_condition(condition, rows->width() + other->width());
    if (comparison) {
        check_slots(comparison->left, rows->width());
        check_slots(comparison->right, rows->width() + other->width());
        for (const int position : comparison->right.columns())
            if (position < rows->width())
                throw std::invalid_argument("the value of a comparison reads a column of the rows");
    }
    return std::make_shared<SemiJoin>(kind, std::move(rows), std::move(other), std::move(condition),
                                      std::move(comparison));
}

namespace {

/* Returns a random semi join whose condition compares a column of the left side with one of the right side,
 * from either end. */
PlanPtr sample_comparison(Sampler &sampler, const PlanPtr &rows, const PlanPtr &other)
{
    static const char *const words[] = {"<", ">=", "<=", ">"};
    const int word = sampler.below(4);
    const bool is_swapped = sampler.below(2) == 0;
    int left = sampler.below(rows->width()), right = rows->width() + sampler.below(other->width());
    auto compared = [&](int one, int two, const char *with) {
        Expression expression;
        expression.pieces = {is_swapped ? two : one, " " + std::string(with) + " ", is_swapped ? one : two};
        return expression;
    };
    Column column;
    Comparison comparison{column_reference(left, column),
                          column_reference(right, column),
                          compared(0, 1, words[word]),
                          compared(0, 1, words[word ^ 1]),
                          "<",
                          ">",
                          (word % 2 == 1) != is_swapped};
    return semi_join(SemiKind::semi, rows, other, {{}, {compared(left, right, words[word])}}, comparison);
}

} // namespace

PlanPtr sample_semi_join(Sampler &sampler)
{
    const SemiKind kinds[] = {SemiKind::semi, SemiKind::anti, SemiKind::mark};
    const SemiKind kind = kinds[sampler.below(3)];
    PlanPtr rows = sampler.plan(), other = sampler.plan();
    if (sampler.below(3) == 0) {
        other = aggregate(other, {}, {sample_call(sampler, other->width()), sample_call(sampler, other->width())});
        if (rows->width() > 0 && sampler.below(3) > 0)
            return sample_comparison(sampler, rows, other);
    }
    return semi_join(kind, rows, other, sampler.condition({rows->width(), other->width()}));
}

} // namespace pgtrickle::engine
