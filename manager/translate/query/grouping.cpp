/*
 * GROUP BY, aggregates and HAVING.
 *
 *   FROM ─► project (only if a key is an expression) ─► aggregate ─► filter (HAVING)
 *
 * The keys are the grouping expressions, each once, and the columns that PostgreSQL allows the targets to
 * read because a grouped primary key determines them: as keys they change no group. So are the values of subqueries
 * in direct arguments of aggregates, which are evaluated once for each group.
 */
#include "translate/subquery/domain.hpp"

#include "pg/walker.hpp"
#include "translate/query/distinct_values.hpp"

extern "C" {
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
}

#include <algorithm>

namespace pgtrickle::translate {

namespace {

/* Expressions that the targets and HAVING read of the groups. */
struct Reads {
    List *keys;       /* grouping expressions */
    List *ungrouped;  /* Vars outside of aggregates and keys; values of subqueries in direct arguments */
    List *aggregates; /* Aggrefs */
    List *groupings;  /* GroupingFuncs */
    bool has_values;  /* a direct argument has the value of a subquery */
};

/* Direct arguments are evaluated once for each group: they read keys, columns that the keys determine, and subqueries,
 * whose values are columns of the rows by now. PostgreSQL frame. */
bool find_direct_reads(Node *node, void *context)
{
    auto *reads = static_cast<Reads *>(context);
    if (node == nullptr || list_member(reads->keys, node))
        return false;
    if (IsA(node, Var) || IsA(node, Param)) {
        reads->ungrouped = list_append_unique(reads->ungrouped, node);
        reads->has_values |= IsA(node, Param);
        return false;
    }
    return walk_expression(node, find_direct_reads, context);
}

/* PostgreSQL frame. */
bool find_reads(Node *node, void *context)
{
    auto *reads = static_cast<Reads *>(context);
    if (node == nullptr || list_member(reads->keys, node))
        return false;
    if (IsA(node, Aggref)) {
        reads->aggregates = list_append_unique(reads->aggregates, node);
        return find_direct_reads(reinterpret_cast<Node *>(castNode(Aggref, node)->aggdirectargs), context);
    }
    if (IsA(node, GroupingFunc)) {
        reads->groupings = list_append_unique(reads->groupings, node);
        return false;
    }
    if (IsA(node, Var)) {
        reads->ungrouped = list_append_unique(reads->ungrouped, node);
        return false;
    }
    return walk_expression(node, find_reads, context);
}

Reads reads_of(const Query *query, const std::vector<Node *> &outputs)
{
    Node *const *items = outputs.data();
    const size_t count = outputs.size();
    return call([&] {
        Reads reads = {NIL, NIL, NIL, NIL, false};
        ListCell *cell;
        foreach (cell, query->groupClause)
            reads.keys = list_append_unique(
                reads.keys, get_sortgroupclause_expr(lfirst_node(SortGroupClause, cell), query->targetList));
        for (size_t i = 0; i < count; i++)
            (void)find_reads(items[i], &reads);
        (void)find_reads(query->havingQual, &reads);
        return reads;
    });
}

void append_nodes(std::vector<Node *> &nodes, List *more)
{
    ListCell *cell;
    foreach (cell, more)
        nodes.push_back(static_cast<Node *>(lfirst(cell)));
}

/* Returns `from` with the keys first, followed by the columns that the aggregates read. */
Input with_keys(const Input &from, const std::vector<Node *> &keys, const std::vector<Node *> &aggregates)
{
    Input result;
    result.scope = keys;
    for (Node *aggregate : aggregates) {
        for (Node *column : columns_read(aggregate)) {
            if (position_in(result.scope, column) < 0)
                result.scope.push_back(column);
        }
    }
    std::vector<engine::NamedExpression> expressions;
    std::vector<std::string> names;
    for (size_t i = 0; i < result.scope.size(); i++) {
        const int position = position_in(from.scope, result.scope[i]);
        names.push_back(position >= 0 ? engine::columns(from.plan)[position].name : "key");
    }
    names = distinct_names(std::move(names));
    for (size_t i = 0; i < result.scope.size(); i++)
        expressions.push_back({expression_of(result.scope[i], from.scope), names[i]});
    result.plan = engine::project(from.plan, std::move(expressions));
    return result;
}

} // namespace

namespace {

/* Returns the groups with one column for each key and one for each value of an aggregate. */
engine::PlanPtr answers(const engine::PlanPtr &from, std::vector<int> keys, const std::vector<KeptCall> &kept)
{
    const int key_count = static_cast<int>(keys.size());
    std::vector<engine::AggregateCall> calls;
    bool are_calls = true;
    for (const KeptCall &one : kept) {
        calls.insert(calls.end(), one.calls.begin(), one.calls.end());
        are_calls &= !one.answer;
    }
    engine::PlanPtr plan = engine::aggregate(from, std::move(keys), std::move(calls));
    if (are_calls)
        return plan;
    const auto columns = engine::columns(plan);
    std::vector<engine::NamedExpression> outputs;
    for (int i = 0; i < key_count; i++)
        outputs.push_back({engine::column_reference(i, columns[i]), "k" + std::to_string(i + 1)});
    int first = key_count;
    for (const KeptCall &one : kept) {
        std::vector<engine::Expression> own;
        for (size_t i = 0; i < one.calls.size(); i++)
            own.push_back(engine::column_reference(first + static_cast<int>(i), columns[first + i]));
        outputs.push_back({one.answer ? one.answer->compose(own) : own[0], "a" + std::to_string(outputs.size())});
        first += static_cast<int>(one.calls.size());
    }
    return engine::project(plan, std::move(outputs));
}

} // namespace

Input groups_of(Input from, const std::vector<Node *> &keys, const std::vector<Node *> &aggregates)
{
    const bool are_columns =
        std::all_of(keys.begin(), keys.end(), [&](Node *key) { return position_in(from.scope, key) >= 0; });
    const bool has_only_keys = aggregates.empty() && !keys.empty();
    if (!are_columns || has_only_keys)
        from = with_keys(from, keys, aggregates);

    Input result;
    result.scope = keys;
    if (has_only_keys) {
        result.plan = engine::distinct(from.plan);
        return result;
    }
    if (auto values = keys.empty() ? with_distinct_values(from, aggregates) : std::nullopt) {
        result.scope = aggregates;
        result.plan = answers(values->plan, {}, values->calls);
        return result;
    }
    std::vector<int> positions;
    std::vector<KeptCall> calls;
    for (Node *key : keys)
        positions.push_back(position_in(from.scope, key));
    for (Node *aggregate : aggregates) {
        calls.push_back(aggregate_call(castNode(Aggref, aggregate), from.scope));
        result.scope.push_back(aggregate);
    }
    /* A global aggregate of which nothing is read still returns one row. */
    if (calls.empty()) {
        const engine::Column count = column_of({INT8OID, -1, InvalidOid}, "count");
        calls.push_back({{{&engine::count_family, {}, {}, count}}, {}});
        result.scope.push_back(nullptr);
    }
    result.plan = answers(from.plan, std::move(positions), calls);
    return result;
}

Input group(const Query *query, const std::vector<Node *> &outputs, Input from, const EmptySet &empty)
{
    const Reads reads = reads_of(query, outputs);
    std::vector<Node *> keys;
    std::vector<Node *> aggregates;
    std::vector<Node *> groupings;
    append_nodes(aggregates, reads.aggregates);
    append_nodes(groupings, reads.groupings);
    ListCell *cell;
    foreach (cell, reads.ungrouped)
        if (!has_equality(value_type(static_cast<Node *>(lfirst(cell)))))
            refuse("direct argument of an aggregate that reads a value of a type without equality",
                   "Groups are kept by the values that direct arguments read.", use_full);
    /* As keys, the values of subqueries change no group that has keys; a group of all rows exists without rows. */
    if (reads.has_values && (query->groupClause == NIL || query->groupingSets != NIL || empty.domain != nullptr))
        refuse("subquery in a direct argument of an aggregate of all rows",
               "The subquery has no value where there are no rows to aggregate.", use_full);
    if (query->groupingSets != NIL || !groupings.empty()) {
        append_nodes(keys, reads.ungrouped);
        return grouping_sets(query, {keys, aggregates, groupings}, from, empty);
    }
    append_nodes(keys, reads.keys);
    append_nodes(keys, reads.ungrouped);
    Input result = groups_of(std::move(from), keys, aggregates);
    result.plan = filtered(result, conjuncts_of(query->havingQual));
    return result;
}

} // namespace pgtrickle::translate
