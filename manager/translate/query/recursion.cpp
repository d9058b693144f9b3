/*
 * WITH RECURSIVE. A recursive CTE is `base UNION [ALL] recursive term`, and PostgreSQL has checked that the
 * recursive term refers to the CTE once, not below an aggregate, the nullable side of an outer join or a
 * subquery in an expression. The reference inside becomes the leaf of the engine's recursion; a reference
 * from outside becomes the recursion itself, which is one plan for all references.
 *
 * All columns of the CTE are kept: each of them determines which rows a UNION considers equal.
 */
#include "translate/level/level.hpp"

#include <numeric>

namespace pgtrickle::translate {

namespace {

std::vector<ValueType> types_of(const CommonTableExpr *cte)
{
    std::vector<ValueType> types;
    for (int i = 0; i < list_length(cte->ctecoltypes); i++)
        types.push_back({list_nth_oid(cte->ctecoltypes, i), list_nth_int(cte->ctecoltypmods, i),
                         list_nth_oid(cte->ctecolcollations, i)});
    return types;
}

std::vector<engine::Column> columns_of(const CommonTableExpr *cte)
{
    std::vector<std::string> names;
    ListCell *cell;
    foreach (cell, cte->ctecolnames)
        names.emplace_back(strVal(lfirst(cell)));
    names = distinct_names(std::move(names));
    std::vector<engine::Column> columns;
    const std::vector<ValueType> types = types_of(cte);
    for (size_t i = 0; i < types.size(); i++)
        columns.push_back(column_of(types[i], names[i]));
    return columns;
}

/* Returns the plan with these columns first, followed by those that the domain adds. */
engine::PlanPtr renamed(const engine::PlanPtr &plan, const std::vector<engine::Column> &columns)
{
    std::vector<engine::NamedExpression> expressions;
    std::vector<engine::Column> all = columns;
    std::vector<std::string> names;
    for (size_t i = columns.size(); i < engine::columns(plan).size(); i++)
        all.push_back(engine::columns(plan)[i]);
    for (const engine::Column &column : all)
        names.push_back(column.name);
    names = distinct_names(std::move(names));
    for (size_t i = 0; i < all.size(); i++)
        expressions.push_back({engine::column_reference(static_cast<int>(i), all[i]), names[i]});
    return engine::project(plan, std::move(expressions));
}

} // namespace

engine::PlanPtr Translator::recursive_cte(const CommonTableExpr *cte, const Level &level)
{
    auto [known, is_new] = recursions_.try_emplace(cte, level.domain, nullptr);
    auto &[domain, plan] = known->second;
    if (!is_new && (domain != level.domain || plan == nullptr))
        refuse("recursive CTE that reads columns of several queries around it",
               "Each reference to it has different rows.", use_full, cte->location);
    if (!is_new)
        return plan;

    const auto *operation = castNode(SetOperationStmt, level.query->setOperations);
    const std::vector<ValueType> types = types_of(cte);
    const std::vector<engine::Column> columns = columns_of(cte);
    std::vector<int> all(types.size());
    std::iota(all.begin(), all.end(), 1);
    auto term = [&](Node *operand) {
        std::vector<ValueType> operand_types;
        engine::PlanPtr rows = set_operand(level, operand, all, operand_types);
        return renamed(cast_columns(std::move(rows), all, operand_types, types), columns);
    };

    engine::PlanPtr base = term(operation->larg);
    engine::PlanPtr leaf = engine::recursion_leaf(engine::columns(base));
    plan = leaf;
    engine::PlanPtr step = term(operation->rarg);
    plan = engine::recursive(std::move(base), std::move(step), std::move(leaf), !operation->all);
    return plan;
}

Input FromClause::recursive_cte(int number, const CommonTableExpr *cte, const Level &holder)
{
    Input input;
    std::vector<int> needed;
    const auto used = used_.find(number);
    if (used == used_.end()) {
        needed = {1};
        input.scope = {nullptr};
    } else {
        for (const auto &[attribute, var] : used->second) {
            if (attribute == 0) /* computed from the other columns: whole_row.cpp */
                continue;
            needed.push_back(attribute);
            input.scope.push_back(var);
        }
    }
    const auto *query = castNode(Query, cte->ctequery);
    const Level level = {query, &holder, domain_if_read(query, holder), holder.is_copy};
    std::vector<int> all(list_length(cte->ctecolnames));
    std::iota(all.begin(), all.end(), 1);
    input.plan = narrowed(translator_.recursive_cte(cte, level), all, needed);
    if (level.domain != nullptr)
        input.scope.insert(input.scope.end(), domain_->scope.begin(), domain_->scope.end());
    return input;
}

} // namespace pgtrickle::translate
