/*
 * The FROM clause: inner joins of any nesting become one join of n inputs; each condition
 * goes as far down as its meaning allows.
 *
 * A conjunct that is true of every row of an inner join and reads one input filters that
 * input. Beside an outer join, with P the preserved and N the nullable side:
 *   - a conjunct of ON over N alone filters N (rows of N that fail it match nothing);
 *   - a conjunct from above over P alone filters P;
 *   - everything else stays where it was written: ON in the condition, WHERE above.
 * FULL preserves both sides, so nothing moves.
 */
#include "translate/barrier.hpp"
#include "translate/query.hpp"

extern "C" {
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
}

#include <algorithm>

namespace pgtrickle::translate {

namespace {

bool is_within(const Relids &inner, const Relids &outer)
{
    return !inner.empty() && std::includes(outer.begin(), outer.end(), inner.begin(), inner.end());
}

/* The side that all of `relids` belong to, -1 if there is none. */
int side_of(const Relids &relids, const std::vector<Relids> &sides)
{
    for (size_t i = 0; i < sides.size(); i++) {
        if (is_within(relids, sides[i]))
            return static_cast<int>(i);
    }
    return -1;
}

/* The arguments, if the node is an equality that can drive a merge or hash join. */
std::pair<Node *, Node *> equality_arguments(Node *node)
{
    if (!IsA(node, OpExpr) || list_length(castNode(OpExpr, node)->args) != 2)
        return {nullptr, nullptr};
    auto *left = static_cast<Node *>(linitial(castNode(OpExpr, node)->args));
    auto *right = static_cast<Node *>(lsecond(castNode(OpExpr, node)->args));
    const Oid op = castNode(OpExpr, node)->opno;
    const bool is_equality = call([&] {
        const Oid type = exprType(left);
        return op_mergejoinable(op, type) || op_hashjoinable(op, type);
    });
    if (!is_equality)
        return {nullptr, nullptr};
    return {left, right};
}

void append_scope(Scope &scope, const Scope &more)
{
    scope.insert(scope.end(), more.begin(), more.end());
}

ValueType attribute_type(Oid relid, AttrNumber number)
{
    return call([&] {
        ValueType value;
        get_atttypetypmodcoll(relid, number, &value.type, &value.typmod, &value.collation);
        return value;
    });
}

Node *make_var(int relation, AttrNumber number, const ValueType &value)
{
    return call([&] {
        return reinterpret_cast<Node *>(
            makeVar(relation, number, value.type, value.typmod, value.collation, 0));
    });
}

const CommonTableExpr *find_cte(const Query *query, const char *name)
{
    ListCell *cell;
    foreach (cell, query->cteList) {
        const auto *cte = lfirst_node(CommonTableExpr, cell);
        if (strcmp(cte->ctename, name) == 0)
            return cte;
    }
    throw std::logic_error("a query refers to a CTE that does not exist");
}

int location_of(const void *node)
{
    return call([&] { return exprLocation(static_cast<const Node *>(node)); });
}

void refuse_entry(const RangeTblEntry *entry)
{
    switch (entry->rtekind) {
    case RTE_FUNCTION:
        refuse("function in FROM", "The rows that a function returns have no changes that could be captured.",
               use_full, location_of(linitial_node(RangeTblFunction, entry->functions)->funcexpr));
    case RTE_TABLEFUNC:
        refuse("XMLTABLE", "The rows that a function returns have no changes that could be captured.",
               use_full);
    default:
        refuse("FROM item", "It is no table, subquery or join.", use_full);
    }
}

} // namespace

Input FromClause::build(Node *jointree)
{
    InnerJoin all;
    collect(jointree, all);
    return build(all);
}

void FromClause::collect(Node *node, InnerJoin &into) const
{
    Node *condition = nullptr;

    if (IsA(node, FromExpr)) {
        ListCell *cell;
        foreach (cell, castNode(FromExpr, node)->fromlist)
            collect(static_cast<Node *>(lfirst(cell)), into);
        condition = castNode(FromExpr, node)->quals;
    } else if (IsA(node, JoinExpr) && castNode(JoinExpr, node)->jointype == JOIN_INNER) {
        collect(castNode(JoinExpr, node)->larg, into);
        collect(castNode(JoinExpr, node)->rarg, into);
        condition = castNode(JoinExpr, node)->quals;
    } else {
        into.items.push_back(node);
    }
    for (Node *conjunct : conjuncts_of(condition))
        into.conjuncts.push_back(conjunct);
}

Relids FromClause::relids_of_item(Node *node) const
{
    if (IsA(node, RangeTblRef))
        return {castNode(RangeTblRef, node)->rtindex};
    if (IsA(node, JoinExpr)) {
        Relids relids = relids_of_item(castNode(JoinExpr, node)->larg);
        relids.merge(relids_of_item(castNode(JoinExpr, node)->rarg));
        return relids;
    }
    Relids relids;
    ListCell *cell;
    foreach (cell, castNode(FromExpr, node)->fromlist)
        relids.merge(relids_of_item(static_cast<Node *>(lfirst(cell))));
    return relids;
}

Input FromClause::build(const InnerJoin &join)
{
    std::vector<Relids> sides;
    std::vector<std::vector<Node *>> of_one(join.items.size());
    std::vector<Node *> of_several;
    std::vector<Node *> of_none;

    for (Node *item : join.items)
        sides.push_back(relids_of_item(item));
    for (Node *conjunct : join.conjuncts) {
        const Relids relids = relids_of(conjunct);
        const int side = side_of(relids, sides);
        if (side >= 0)
            of_one[side].push_back(conjunct);
        else
            (relids.empty() ? of_none : of_several).push_back(conjunct);
    }

    Input result;
    std::vector<engine::PlanPtr> inputs;
    for (size_t i = 0; i < join.items.size(); i++) {
        Input input = build_item(join.items[i], of_one[i]);
        append_scope(result.scope, input.scope);
        inputs.push_back(std::move(input.plan));
    }
    if (inputs.empty())
        result.plan = engine::values({}, {{}});
    else if (inputs.size() == 1)
        result.plan = inputs[0];
    else
        result.plan = engine::join(std::move(inputs), condition(of_several, sides, result.scope));
    result.plan = filtered(result, of_none);
    return result;
}

Input FromClause::build_item(Node *item, const std::vector<Node *> &conjuncts)
{
    if (IsA(item, JoinExpr))
        return outer_join(castNode(JoinExpr, item), conjuncts);
    Input input = leaf(castNode(RangeTblRef, item)->rtindex);
    input.plan = filtered(input, conjuncts);
    return input;
}

Input FromClause::outer_join(JoinExpr *join, const std::vector<Node *> &conjuncts)
{
    const bool preserves_left = join->jointype != JOIN_RIGHT;
    const bool preserves_right = join->jointype != JOIN_LEFT;
    InnerJoin left;
    InnerJoin right;
    std::vector<Node *> on;
    std::vector<Node *> above;

    collect(join->larg, left);
    collect(join->rarg, right);
    const std::vector<Relids> sides = {relids_of_item(join->larg), relids_of_item(join->rarg)};
    for (Node *conjunct : conjuncts_of(join->quals)) {
        const int side = side_of(relids_of(conjunct), sides);
        if (side == 0 && !preserves_left)
            left.conjuncts.push_back(conjunct);
        else if (side == 1 && !preserves_right)
            right.conjuncts.push_back(conjunct);
        else
            on.push_back(conjunct);
    }
    for (Node *conjunct : conjuncts) {
        const int side = side_of(relids_of(conjunct), sides);
        if (side == 0 && !preserves_right)
            left.conjuncts.push_back(conjunct);
        else if (side == 1 && !preserves_left)
            right.conjuncts.push_back(conjunct);
        else
            above.push_back(conjunct);
    }

    Input left_input = build(left);
    Input right_input = build(right);
    Input result;
    result.scope = left_input.scope;
    append_scope(result.scope, right_input.scope);
    const engine::OuterKind kind = !preserves_right  ? engine::OuterKind::left
                                   : !preserves_left ? engine::OuterKind::right
                                                     : engine::OuterKind::full;
    result.plan =
        engine::outer_join(kind, left_input.plan, right_input.plan, condition(on, sides, result.scope));
    result.plan = filtered(result, above);
    return result;
}

engine::Condition FromClause::condition(const std::vector<Node *> &conjuncts,
                                        const std::vector<Relids> &sides, const Scope &scope) const
{
    engine::Condition condition;
    for (Node *conjunct : conjuncts) {
        auto [left, right] = equality_arguments(conjunct);
        int left_side = left != nullptr ? side_of(relids_of(left), sides) : -1;
        int right_side = right != nullptr ? side_of(relids_of(right), sides) : -1;
        if (left_side > right_side) {
            std::swap(left, right);
            std::swap(left_side, right_side);
        }
        if (left_side < 0 || left_side == right_side)
            condition.others.push_back(expression_of(conjunct, scope));
        else
            condition.equalities.push_back(
                {expression_of(left, scope), expression_of(right, scope), expression_of(conjunct, scope)});
    }
    return condition;
}

Input FromClause::leaf(int number)
{
    const RangeTblEntry *entry = rt_fetch(number, level_.query->rtable);

    if (entry->rtekind == RTE_RELATION)
        return relation(number, entry);
    if (entry->rtekind == RTE_SUBQUERY) {
        if (!entry->security_barrier)
            return subquery(number, entry, {entry->subquery, &level_});
        refuse_barrier(entry->subquery, translator_.sources_.owner());
        const bool is_read_by_owner = translator_.sources_.is_read_by_owner();
        translator_.sources_.set_read_by_owner(true);
        Input input = subquery(number, entry, {entry->subquery, &level_});
        translator_.sources_.set_read_by_owner(is_read_by_owner);
        return input;
    }
    if (entry->rtekind == RTE_VALUES)
        return values(number, entry);
    if (is_computed(entry) && vars_of_entry(entry).empty())
        return computed_beside(number, entry, {engine::values({}, {{}}), {}});
    if (entry->rtekind != RTE_CTE)
        refuse_entry(entry);

    const Level *holder = &level_;
    for (Index up = 0; up < entry->ctelevelsup; up++)
        holder = holder->parent;
    const CommonTableExpr *cte = find_cte(holder->query, entry->ctename);
    if (cte->cterecursive)
        refuse("recursive CTE", "Its rows depend on one another.", use_full, cte->location);
    return subquery(number, entry, {castNode(Query, cte->ctequery), holder});
}

Input FromClause::relation(int number, const RangeTblEntry *entry)
{
    if (entry->tablesample != nullptr)
        refuse("TABLESAMPLE", "The sample would be another one at each refresh.", "Remove TABLESAMPLE.");
    std::set<AttrNumber> attributes;
    const auto used = used_.find(number);
    if (used != used_.end()) {
        for (const auto &[attribute, var] : used->second)
            attributes.insert(attribute);
    }
    const int source = translator_.sources_.add(entry, attributes);

    Input input;
    std::vector<engine::Column> columns;
    for (AttrNumber attribute : translator_.sources_.columns(source)) {
        const ValueType value = attribute_type(entry->relid, attribute);
        columns.push_back(
            column_of(value, call([&] { return get_attname(entry->relid, attribute, false); })));
        input.scope.push_back(make_var(number, attribute, value));
    }
    input.plan = translator_.sources_.plan_of(source, engine::scan(source, std::move(columns)));
    return input;
}

Input FromClause::subquery(int number, const RangeTblEntry *entry, const Level &inner)
{
    Input input;
    std::vector<int> needed;
    const auto used = used_.find(number);
    if (used != used_.end()) {
        for (const auto &[attribute, var] : used->second) {
            needed.push_back(attribute);
            input.scope.push_back(var);
        }
    } else if (has_targets(inner.query)) {
        needed.push_back(all_targets(inner.query).front());
        input.scope.push_back(nullptr);
    }
    input.plan = entry->rtekind == RTE_CTE ? translator_.shared_query(inner, needed)
                                           : translator_.query(inner, needed);
    return input;
}

} // namespace pgtrickle::translate
