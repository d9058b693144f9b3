#include "translate/query.hpp"

#include "pg/walker.hpp"
#include "translate/ordering.hpp"
#include "translate/outer_join_reduction.hpp"
#include "translate/window.hpp"

extern "C" {
#include "access/sysattr.h"
#include "optimizer/optimizer.h"
}

#include <algorithm>
#include <stdexcept>

namespace pgtrickle::translate {

namespace {

void refuse_policies(const Query *query)
{
    ListCell *cell;
    foreach (cell, query->rtable) {
        if (lfirst_node(RangeTblEntry, cell)->securityQuals != NIL)
            refuse(
                "row level security",
                "Policies are in force for the role that the query reads a table as; captured changes pass "
                "none.",
                "Let a role own the stream table for which no policy is in force, or use refresh_mode "
                "'FULL'.");
    }
}

using Matches = bool (*)(const Node *);

struct Find {
    Matches matches;
    Node *found;
};

/* PostgreSQL frame; does not look into subqueries. */
bool find_node(Node *node, void *context)
{
    auto *find = static_cast<Find *>(context);
    if (node == nullptr)
        return false;
    if (find->matches(node)) {
        find->found = node;
        return true;
    }
    return walk_expression(node, find_node, context);
}

/* The first matching node of the level's expressions, nullptr if there is none. */
Node *find_first(const Query *query, Matches matches)
{
    return call([&] {
        Find find = {matches, nullptr};
        if (!find_node(reinterpret_cast<Node *>(query->targetList), &find) &&
            !find_node(reinterpret_cast<Node *>(query->jointree), &find))
            (void)find_node(query->havingQual, &find);
        return find.found;
    });
}

bool is_sub_link(const Node *node)
{
    return IsA(node, SubLink);
}
[[noreturn]] void refuse_sub_link(const Query *query)
{
    const auto *link = reinterpret_cast<const SubLink *>(find_first(query, is_sub_link));
    const char *construct = "subquery in an expression";
    if (link != nullptr && link->subLinkType == EXISTS_SUBLINK)
        construct = "EXISTS (subquery)";
    else if (link != nullptr && link->subLinkType == ALL_SUBLINK)
        construct = "ALL (subquery)";
    else if (link != nullptr && link->subLinkType == ANY_SUBLINK)
        construct = "IN or ANY (subquery)";
    else if (link != nullptr && link->subLinkType == ARRAY_SUBLINK)
        construct = "ARRAY (subquery)";
    else if (link != nullptr)
        construct = "scalar subquery";
    refuse(construct, "A row of the subquery's table can change many rows of the result.",
           "Write it as a join, or use refresh_mode 'FULL'.", link != nullptr ? link->location : -1);
}

/* What a level as a whole may not have. */
void refuse_clauses(const Query *query)
{
    if (query->commandType != CMD_SELECT || query->hasModifyingCTE)
        refuse("data-modifying statement", "It is no query.", "Write a SELECT.");
    if (query->hasSubLinks)
        refuse_sub_link(query);
}

void note_used(FromClause::UsedColumns &used, Node *node)
{
    for (Var *var : vars_of(node)) {
        if (var->varattno < 0 && var->varattno != TableOidAttributeNumber)
            refuse("system column", "The values of ctid, xmin, cmin ... change without a change of the row.",
                   "Leave it out, or use refresh_mode 'FULL'.", var->location);
        if (var->varattno == 0)
            refuse("whole-row reference", "A row as one value would contain columns added later.",
                   "Name the columns, or use refresh_mode 'FULL'.", var->location);
        if (var->vartype == RECORDOID || var->vartype == RECORDARRAYOID)
            refuse("anonymous row type", "Its columns have no names that a printed expression could use.",
                   "Name the columns, or use a composite type.", var->location);
        used[var->varno].emplace(var->varattno, reinterpret_cast<Node *>(var));
    }
}

/* Only LATERAL refers to a level outside, subqueries in expressions having been refused. */
void refuse_outer_references(const Level &level)
{
    int up = 1;
    for (const Level *outer = level.parent; outer != nullptr; outer = outer->parent, up++) {
        const Query *query = level.query;
        if (call([&] {
                return contain_vars_of_level(reinterpret_cast<Node *>(const_cast<Query *>(query)), up);
            }))
            refuse("LATERAL", "The subquery is evaluated anew for each row beside it.",
                   "Write it as a join, or use refresh_mode 'FULL'.");
    }
}

/* A shallow copy of the level whose expressions see through the columns of JOINs. */
Query *flattened(const Query *query)
{
    return call([&] {
        Query *flat = makeNode(Query);
        memcpy(flat, query, sizeof(Query));
        auto *original = const_cast<Query *>(query);
        flat->targetList = reinterpret_cast<List *>(
            flatten_join_alias_vars(original, reinterpret_cast<Node *>(query->targetList)));
        flat->havingQual = flatten_join_alias_vars(original, query->havingQual);
        flat->jointree = reinterpret_cast<FromExpr *>(
            flatten_join_alias_vars(original, reinterpret_cast<Node *>(query->jointree)));
        reduce_outer_joins(flat->jointree);
        return flat;
    });
}

using Targets = std::vector<const TargetEntry *>;

/* What a level computes: the needed targets first, then, each once, what it sorts and tells apart by. */
Targets targets_of(const Query *query, const std::vector<int> &numbers, bool is_sorted)
{
    Targets targets;
    for (int number : numbers)
        targets.push_back(target(query, number));
    auto add = [&](const List *clauses) {
        ListCell *cell;
        foreach (cell, clauses) {
            const TargetEntry *entry = call([&] {
                return get_sortgroupclause_tle(lfirst_node(SortGroupClause, cell), query->targetList);
            });
            if (std::find(targets.begin(), targets.end(), entry) == targets.end())
                targets.push_back(entry);
        }
    };
    if (is_sorted)
        add(query->sortClause);
    if (query->hasDistinctOn)
        add(query->distinctClause);
    return targets;
}

std::vector<int> positions_of(const Query *query, const List *clauses, const Targets &targets)
{
    std::vector<int> positions;
    ListCell *cell;
    foreach (cell, clauses) {
        const TargetEntry *entry =
            call([&] { return get_sortgroupclause_tle(lfirst_node(SortGroupClause, cell), query->targetList); });
        positions.push_back(static_cast<int>(std::find(targets.begin(), targets.end(), entry) - targets.begin()));
    }
    return positions;
}

std::vector<SortKey> order_of(const Query *query, const Targets &targets)
{
    std::vector<SortKey> order;
    for (int position : positions_of(query, query->sortClause, targets)) {
        const auto *clause = call([&] { return list_nth_node(SortGroupClause, query->sortClause, order.size()); });
        order.push_back({position, direction_of(clause, value_type(reinterpret_cast<Node *>(targets[position]->expr)).type)});
    }
    return order;
}

/* Numbers of targets, junk ones included. */
std::vector<int> numbers_of(const Targets &targets)
{
    std::vector<int> numbers;
    for (const TargetEntry *entry : targets)
        numbers.push_back(entry->resno);
    return numbers;
}

std::vector<Node *> expressions_of(const Targets &targets)
{
    std::vector<Node *> expressions;
    for (const TargetEntry *entry : targets)
        expressions.push_back(reinterpret_cast<Node *>(entry->expr));
    return expressions;
}

std::vector<Node *> grouping_keys(const Query *query)
{
    std::vector<Node *> keys;
    ListCell *cell;
    foreach (cell, query->groupClause)
        keys.push_back(call([&] {
            return get_sortgroupclause_expr(lfirst_node(SortGroupClause, cell), query->targetList);
        }));
    return keys;
}

engine::PlanPtr project(const Input &input, const Targets &targets)
{
    std::vector<std::string> names;
    std::vector<engine::NamedExpression> expressions;
    for (const TargetEntry *entry : targets)
        names.emplace_back(entry->resname != nullptr ? entry->resname : "column");
    names = distinct_names(std::move(names));
    for (size_t i = 0; i < targets.size(); i++)
        expressions.push_back(
            {expression_of(reinterpret_cast<Node *>(targets[i]->expr), input.scope), names[i]});
    return engine::project(input.plan, std::move(expressions));
}

} // namespace

engine::PlanPtr Translator::query(const Level &level, const std::vector<int> &needed)
{
    call([] {
        check_stack_depth();
        CHECK_FOR_INTERRUPTS();
    });
    count_levels(1);
    refuse_policies(level.query);
    refuse_clauses(level.query);
    refuse_outer_references(level);
    return level.query->setOperations != nullptr ? set_operation(level, needed) : select(level, needed);
}

void Translator::count_levels(int more)
{
    levels_ += more;
    if (levels_ > max_levels)
        refuse("query of more than " + std::to_string(max_levels) + " subqueries",
               "Each reference to a CTE or view adds to the statements of a refresh.",
               "Make a stream table of what is referred to often, or use refresh_mode 'FULL'.");
}

engine::PlanPtr Translator::shared_query(const Level &level, const std::vector<int> &needed)
{
    SharedQuery &shared = shared_.of(level.query);
    shared.needed.insert(needed.begin(), needed.end());
    const bool is_known = shared.plan != nullptr &&
                          std::includes(shared.present.begin(), shared.present.end(), needed.begin(), needed.end());
    if (is_known) {
        count_levels(shared.levels);
        return narrowed(shared.plan, shared.present, needed);
    }
    if (shared.plan != nullptr)
        shared_.want_another_pass();
    const std::vector<int> columns(shared.needed.begin(), shared.needed.end());
    const int levels_before = levels_;
    engine::PlanPtr plan = query(level, columns);
    shared.plan = plan;
    shared.present = columns;
    shared.levels = levels_ - levels_before;
    return narrowed(std::move(plan), columns, needed);
}

engine::PlanPtr Translator::select(const Level &level, const std::vector<int> &needed)
{
    Query *query = flattened(level.query);
    const Level flat = {query, level.parent};
    const bool is_distinct = query->distinctClause != NIL && !query->hasDistinctOn;
    const bool is_limited = has_limit(query);
    const std::vector<int> numbers = is_distinct ? all_targets(query) : needed;
    const Targets targets = targets_of(query, numbers, is_limited || query->hasDistinctOn);
    std::vector<Node *> outputs = expressions_of(targets);
    FromClause::UsedColumns used;

    if (query->hasWindowFuncs)
        for (Node *key : window_keys(query, outputs))
            outputs.push_back(key);
    for (Node *set : set_targets(query))
        outputs.push_back(set);
    for (Node *output : outputs)
        note_used(used, output);
    note_used(used, reinterpret_cast<Node *>(query->jointree));
    note_used(used, query->havingQual);
    for (Node *key : grouping_keys(query))
        note_used(used, key);

    FromClause from(*this, flat, used);
    Input input = from.build(reinterpret_cast<Node *>(query->jointree));
    if (query->groupClause != NIL || query->groupingSets != NIL || query->hasAggs || query->havingQual != nullptr)
        input = group(query, outputs, with_sets(std::move(input), grouping_keys(query)));
    if (query->hasWindowFuncs)
        input = windowed(query, outputs, with_sets(std::move(input), window_keys(query, outputs)));
    input = with_sets(std::move(input), set_targets(query));
    engine::PlanPtr plan = project(input, targets);
    if (is_distinct)
        plan = engine::distinct(std::move(plan));
    if (query->hasDistinctOn)
        plan = first_of_each(std::move(plan), positions_of(query, query->distinctClause, targets),
                             order_of(query, targets));
    if (is_limited)
        plan = limited(std::move(plan), query, order_of(query, targets));
    return narrowed(std::move(plan), numbers_of(targets), needed);
}

std::vector<Node *> conjuncts_of(Node *condition)
{
    if (condition == nullptr)
        return {};
    const auto *boolean = reinterpret_cast<BoolExpr *>(condition);
    if (IsA(condition, List) || (IsA(condition, BoolExpr) && boolean->boolop == AND_EXPR)) {
        std::vector<Node *> all;
        ListCell *cell;
        foreach (cell, IsA(condition, List) ? reinterpret_cast<List *>(condition) : boolean->args) {
            for (Node *part : conjuncts_of(static_cast<Node *>(lfirst(cell))))
                all.push_back(part);
        }
        return all;
    }
    return {condition};
}

engine::PlanPtr filtered(const Input &input, const std::vector<Node *> &conjuncts)
{
    engine::PlanPtr plan = input.plan;
    for (Node *conjunct : conjuncts)
        plan = engine::filter(plan, expression_of(conjunct, input.scope));
    return plan;
}

std::vector<Var *> vars_of(Node *node)
{
    std::vector<Var *> vars;
    List *list = call([&] { return pull_vars_of_level(node, 0); });
    ListCell *cell;
    foreach (cell, list)
        vars.push_back(lfirst_node(Var, cell));
    return vars;
}

Relids relids_of(Node *node)
{
    Relids relids;
    for (const Var *var : vars_of(node))
        relids.insert(var->varno);
    return relids;
}

TargetEntry *target(const Query *query, int number)
{
    ListCell *cell;
    foreach (cell, query->targetList) {
        auto *entry = lfirst_node(TargetEntry, cell);
        if (!entry->resjunk && entry->resno == number)
            return entry;
    }
    throw std::invalid_argument("a query has no such column");
}

bool has_targets(const Query *query)
{
    ListCell *cell;
    foreach (cell, query->targetList) {
        if (!lfirst_node(TargetEntry, cell)->resjunk)
            return true;
    }
    return false;
}

std::vector<int> all_targets(const Query *query)
{
    std::vector<int> numbers;
    ListCell *cell;
    foreach (cell, query->targetList) {
        const auto *entry = lfirst_node(TargetEntry, cell);
        if (!entry->resjunk)
            numbers.push_back(entry->resno);
    }
    if (numbers.empty())
        refuse("SELECT without columns", "Its rows cannot be told from one another.", use_full);
    return numbers;
}

engine::PlanPtr narrowed(engine::PlanPtr plan, const std::vector<int> &present,
                         const std::vector<int> &wanted)
{
    if (present == wanted)
        return plan;
    std::vector<engine::NamedExpression> expressions;
    const auto &columns = engine::columns(plan);
    for (int number : wanted) {
        const int position = std::find(present.begin(), present.end(), number) - present.begin();
        expressions.push_back(
            {engine::column_reference(position, columns[position]), columns[position].name});
    }
    return engine::project(std::move(plan), std::move(expressions));
}

std::vector<std::string> distinct_names(std::vector<std::string> names)
{
    std::set<std::string> taken;
    for (std::string &name : names) {
        std::string candidate = name;
        for (int i = 1; !taken.insert(candidate).second; i++)
            candidate = name + "_" + std::to_string(i);
        name = candidate;
    }
    return names;
}

} // namespace pgtrickle::translate
