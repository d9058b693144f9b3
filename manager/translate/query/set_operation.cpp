/*
 * Trees of set operations. A UNION is DISTINCT over a UNION ALL; the DISTINCT of an operand is omitted where
 * the operation above makes its rows distinct by the same equality anyway.
 *
 * Parse analysis leaves the operands with their own types, and records the types of the operation: the casts
 * are added here, below each operation.
 */
#include "pg/walker.hpp"
#include "translate/level/ordering.hpp"

extern "C" {
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
}

#include <algorithm>

namespace pgtrickle::translate {

namespace {

/* Returns the types of all columns of an operation, some of which may not be needed. */
std::vector<ValueType> types_of(const SetOperationStmt *operation)
{
    std::vector<ValueType> types;
    for (int i = 0; i < list_length(operation->colTypes); i++)
        types.push_back({list_nth_oid(operation->colTypes, i), list_nth_int(operation->colTypmods, i),
                         list_nth_oid(operation->colCollations, i)});
    return types;
}

/* Whether the operation can be merged into `above`, so that only the place of casts changes. */
bool is_part_of(const SetOperationStmt *operation, const SetOperationStmt *above)
{
    return operation->op == SETOP_UNION && above->op == SETOP_UNION && (operation->all || !above->all) &&
           types_of(operation) == types_of(above);
}

/* Adds the operands of nested unions to one list: PostgreSQL's planner pulls nested unions up in a time that
 * grows with the third power of their number. */
void add_operands(const SetOperationStmt *operation, std::vector<Node *> &operands)
{
    for (Node *operand : {operation->larg, operation->rarg}) {
        if (IsA(operand, SetOperationStmt) && is_part_of(castNode(SetOperationStmt, operand), operation))
            add_operands(castNode(SetOperationStmt, operand), operands);
        else
            operands.push_back(operand);
    }
}

/* Rows are compared by the equality of their types, which is another one if a type has got another default operator
 * class since. */
void refuse_other_equality(const SetOperationStmt *operation)
{
    ListCell *clause, *type;
    forboth(clause, operation->groupClauses, type, operation->colTypes)
    {
        if (!has_equality_of_type(lfirst_node(SortGroupClause, clause), lfirst_oid(type)))
            refuse("set operation by an operator that is not the equality of its type",
                   "Rows are compared by the default equality of their types.", "Use refresh_mode 'FULL'.");
    }
}

/* Returns the needed columns, and those by which a LIMIT sorts. */
std::vector<int> with_sorted(const Query *query, const std::vector<int> &needed)
{
    std::set<int> numbers(needed.begin(), needed.end());
    ListCell *cell;
    foreach (cell, query->sortClause)
        numbers.insert(call(
            [&] { return get_sortgroupclause_tle(lfirst_node(SortGroupClause, cell), query->targetList)->resno; }));
    return {numbers.begin(), numbers.end()};
}

engine::PlanPtr limited_operation(Translator &translator, const Level &level, engine::PlanPtr plan,
                                  const std::vector<int> &numbers)
{
    const Query *query = level.query;
    std::vector<SortKey> order;
    ListCell *cell;
    foreach (cell, query->sortClause) {
        const auto *clause = lfirst_node(SortGroupClause, cell);
        const TargetEntry *entry =
            call([&] { return get_sortgroupclause_tle(const_cast<SortGroupClause *>(clause), query->targetList); });
        const auto place = std::find(numbers.begin(), numbers.end(), entry->resno);
        order.push_back({static_cast<int>(place - numbers.begin()),
                         direction_of(clause, value_type(reinterpret_cast<Node *>(entry->expr)).type)});
    }
    std::vector<int> outer;
    for (size_t i = numbers.size(); i < engine::columns(plan).size(); i++)
        outer.push_back(static_cast<int>(i));
    return limited(translator, level, std::move(plan), order, outer);
}

} // namespace

engine::PlanPtr cast_columns(engine::PlanPtr plan, const std::vector<int> &needed,
                             const std::vector<ValueType> &present, const std::vector<ValueType> &wanted)
{
    bool is_same = true;
    Scope scope;
    std::vector<Node *> nodes;

    for (size_t i = 0; i < needed.size(); i++) {
        const ValueType &from = present[needed[i] - 1];
        const ValueType &to = wanted[needed[i] - 1];
        is_same &= from == to;
        auto *var = reinterpret_cast<Node *>(
            call([&] { return makeVar(1, i + 1, from.type, from.typmod, from.collation, 0); }));
        scope.push_back(var);
        nodes.push_back(call([&] { return coerced_column(var, to.type, to.typmod, to.collation); }));
    }
    if (is_same)
        return plan;
    std::vector<engine::NamedExpression> expressions;
    const auto columns = engine::columns(plan);
    for (size_t i = 0; i < columns.size(); i++)
        expressions.push_back({i < nodes.size() ? expression_of(nodes[i], scope)
                                                : engine::column_reference(static_cast<int>(i), columns[i]),
                               columns[i].name});
    return engine::project(std::move(plan), std::move(expressions));
}

engine::PlanPtr Translator::set_operation(const Level &level, const std::vector<int> &needed)
{
    std::vector<ValueType> types;
    engine::PlanPtr plan;
    if (has_limit(level.query)) {
        const std::vector<int> numbers = with_sorted(level.query, needed);
        plan = set_operand(level, level.query->setOperations, numbers, types);
        plan = narrowed(limited_operation(*this, level, std::move(plan), numbers), numbers, needed);
    } else {
        plan = set_operand(level, level.query->setOperations, needed, types);
    }
    const auto columns = engine::columns(plan);
    std::vector<std::string> names;
    bool is_same = true;

    for (int number : needed)
        names.emplace_back(target(level.query, number)->resname);
    for (size_t i = names.size(); i < columns.size(); i++)
        names.push_back(columns[i].name);
    names = distinct_names(std::move(names));
    std::vector<engine::NamedExpression> expressions;
    for (size_t i = 0; i < names.size(); i++) {
        is_same &= names[i] == columns[i].name;
        expressions.push_back({engine::column_reference(static_cast<int>(i), columns[i]), names[i]});
    }
    return is_same ? plan : engine::project(std::move(plan), std::move(expressions));
}

/* Returns the needed columns; sets `types` to the types of all columns. */
engine::PlanPtr Translator::set_operand(const Level &level, Node *node, const std::vector<int> &needed,
                                        std::vector<ValueType> &types, const SetOperationStmt *above)
{
    if (IsA(node, RangeTblRef)) {
        const RangeTblEntry *entry = rt_fetch(castNode(RangeTblRef, node)->rtindex, level.query->rtable);
        types.clear();
        for (int number : all_targets(entry->subquery))
            types.push_back(value_type(reinterpret_cast<Node *>(target(entry->subquery, number)->expr)));
        return query({entry->subquery, &level, level.domain, level.is_copy}, needed);
    }

    const auto *operation = castNode(SetOperationStmt, node);
    refuse_other_equality(operation);
    types = types_of(operation);
    std::vector<int> kept = needed;
    if (!operation->all || operation->op != SETOP_UNION) {
        kept.clear();
        for (size_t i = 0; i < types.size(); i++)
            kept.push_back(static_cast<int>(i) + 1);
    }
    std::vector<Node *> operands;
    std::vector<engine::PlanPtr> inputs;
    add_operands(operation, operands);
    for (Node *operand : operands) {
        std::vector<ValueType> operand_types;
        engine::PlanPtr plan = set_operand(level, operand, kept, operand_types, operation);
        inputs.push_back(cast_columns(std::move(plan), kept, operand_types, types));
    }
    if (operation->op != SETOP_UNION)
        return narrowed(counted_operation(operation->op, operation->all, inputs[0], inputs[1]), kept, needed);
    engine::PlanPtr plan = engine::union_all(std::move(inputs));
    const bool is_made_distinct_above = above != nullptr && !above->all && types == types_of(above);
    return operation->all || is_made_distinct_above ? plan : narrowed(engine::distinct(std::move(plan)), kept, needed);
}

} // namespace pgtrickle::translate
