/*
 * The FROM clause: inner joins of any nesting become one join of n inputs; a condition is applied as early as possible.
 *
 * A conjunct that is true of every row of an inner join and reads one input filters that input. For an outer
 * join, with P the preserved and N the nullable side:
 *   - a conjunct of ON over N alone filters N (rows of N that fail it match nothing);
 *   - a conjunct from above over P alone filters P;
 *   - any other conjunct keeps its place: ON in the condition, WHERE above.
 * FULL preserves both sides, so no conjunct moves. A conjunct with a subquery that reads one input filters
 * that input; filtered_join.cpp has the place of any other.
 *
 * In a correlated subquery the domain (domain.hpp) is added wherever it is read: to the preserved side of an
 * outer join, to each subquery of FROM, else as an input.
 */
#include "pg/equality.hpp"
#include "pg/versions/rights.hpp"
#include "translate/check/security_barrier.hpp"
#include "translate/query/or_condition.hpp"
#include "translate/query/virtual_columns.hpp"
#include "translate/subquery/domain.hpp"

extern "C" {
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
}

#include <algorithm>

namespace pgtrickle::translate {

namespace {

/* Returns the side to which all of `relids` belong, -1 if there is none. */
int side_of(const Relids &relids, const std::vector<Relids> &sides)
{
    for (size_t i = 0; i < sides.size(); i++) {
        if (is_within(relids, sides[i]))
            return static_cast<int>(i);
    }
    return -1;
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
        return reinterpret_cast<Node *>(makeVar(relation, number, value.type, value.typmod, value.collation, 0));
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

} // namespace

std::pair<Node *, Node *> equality_arguments(Node *node)
{
    if (!IsA(node, OpExpr) || list_length(castNode(OpExpr, node)->args) != 2)
        return {nullptr, nullptr};
    auto *left = static_cast<Node *>(linitial(castNode(OpExpr, node)->args));
    auto *right = static_cast<Node *>(lsecond(castNode(OpExpr, node)->args));
    const Oid op = castNode(OpExpr, node)->opno;
    const bool is_equality = call([&] {
        const Oid type = exprType(left);
        return (op_mergejoinable(op, type) || op_hashjoinable(op, type)) && is_own_equality(castNode(OpExpr, node));
    });
    if (!is_equality)
        return {nullptr, nullptr};
    return {left, right};
}

namespace {

/* In a full join of two inputs that both carry the domain, its columns are not NULL on one side at least. */
Input with_either(Input joined, const Input &left, const std::vector<Reference> &beside)
{
    const auto columns = engine::columns(joined.plan);
    const size_t width = left.scope.size();
    std::vector<engine::NamedExpression> expressions;
    for (size_t i = 0; i < columns.size(); i++)
        expressions.push_back({engine::column_reference(static_cast<int>(i), columns[i]), columns[i].name});
    for (const Reference &reference : beside) {
        const int first = position_in(joined.scope, reference.param);
        size_t second = width;
        while (joined.scope[second] == nullptr || !call([&] { return equal(joined.scope[second], reference.param); }))
            second++;
        engine::Expression either;
        either.pieces = {std::string("COALESCE("), first, std::string(", "), static_cast<int>(second),
                         std::string(")")};
        either.result = columns[first];
        either.result.may_be_null = columns[first].may_be_null || columns[second].may_be_null;
        either.may_fail = false;
        expressions[first].expression = either;
        joined.scope[second] = nullptr;
    }
    std::vector<std::string> names;
    for (const auto &one : expressions)
        names.push_back(one.name);
    names = distinct_names(std::move(names));
    for (size_t i = 0; i < names.size(); i++)
        expressions[i].name = names[i];
    joined.plan = engine::project(joined.plan, std::move(expressions));
    return joined;
}

} // namespace

Input FromClause::build(Node *jointree)
{
    InnerJoin all;
    collect(jointree, all);
    return build(all, domain_ != nullptr);
}

void FromClause::collect(Node *node, InnerJoin &into)
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

Input FromClause::build(const InnerJoin &all, bool carries)
{
    const InnerJoin join = with_inputs_inside(all);
    std::vector<Relids> sides;
    std::vector<std::vector<Node *>> of_one(join.items.size());
    std::vector<Node *> of_several;
    std::vector<Node *> of_none;
    std::vector<Part> parts;

    for (Node *item : join.items) {
        sides.push_back(relids_of_item(item));
        if (!is_lateral(item) && reads_domain(item)) {
            sides.back().insert(0);
            carries = false;
        }
    }
    if (carries)
        parts.push_back({{domain_->plan, domain_->scope}, {0}});
    for (Node *conjunct : join.conjuncts) {
        const Relids relids = relids_of(conjunct);
        const int side = side_of(relids, sides);
        if (side >= 0)
            of_one[side].push_back(conjunct);
        else
            (relids.empty() ? of_none : of_several).push_back(conjunct);
        for (size_t i = 0; side < 0 && i < sides.size(); i++)
            if (Node *implied = implied_on(sides[i], conjunct); implied != nullptr)
                of_one[i].push_back(implied);
    }
    for (size_t i = 0; i < join.items.size(); i++) {
        if (!is_lateral(join.items[i]))
            parts.push_back({build_item(join.items[i], of_one[i]), sides[i]});
    }
    for (size_t i = 0; i < join.items.size(); i++) {
        if (is_lateral(join.items[i]))
            add_lateral(parts, join.items[i], of_one[i], of_several);
    }
    Input result = merged(std::move(parts), of_several).input;
    if (!of_several.empty())
        throw std::logic_error("a condition reads a FROM item that is not there");
    return translator_.filtered(level_, std::move(result), of_none);
}

Input FromClause::build_item(Node *item, const std::vector<Node *> &conjuncts)
{
    if (IsA(item, JoinExpr))
        return outer_join(castNode(JoinExpr, item), conjuncts);
    const int number = castNode(RangeTblRef, item)->rtindex;
    return translator_.filtered(level_, with_whole(number, leaf(number)), conjuncts);
}

Input FromClause::outer_join(JoinExpr *join, const std::vector<Node *> &conjuncts)
{
    const bool preserves_left = join->jointype != JOIN_RIGHT;
    const bool preserves_right = join->jointype != JOIN_LEFT;
    const bool carries = reads_domain(reinterpret_cast<Node *>(join));
    const bool left_carries = carries && (preserves_left || reads_domain(join->larg));
    const bool right_carries = carries && (preserves_right || reads_domain(join->rarg));
    if (join->jointype == JOIN_LEFT && is_computed_lateral(join->rarg))
        return computed_left_join(join, conjuncts);
    InnerJoin left, right;
    std::vector<Node *> on, above;

    collect(join->larg, left);
    collect(join->rarg, right);
    std::vector<Relids> sides = {relids_of_item(join->larg), relids_of_item(join->rarg)};
    if (left_carries)
        sides[0].insert(0);
    if (right_carries)
        sides[1].insert(0);
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

    if (join->jointype == JOIN_LEFT && has_function_beside(join))
        return translator_.filtered(level_, paired_left_join(left, right, on, carries), above);
    Part left_part = {build(left, left_carries), sides[0]};
    std::vector<Reference> beside = references_beside(join, left_part.input);
    Part right_part = {build_right(right, right_carries, beside, left_part.input), sides[1]};
    const engine::OuterKind kind = !preserves_right  ? engine::OuterKind::left
                                   : !preserves_left ? engine::OuterKind::right
                                                     : engine::OuterKind::full;
    Input result = outer_joined(kind, std::move(left_part), std::move(right_part), beside, on);
    return translator_.filtered(level_, std::move(result), above);
}

Input FromClause::outer_joined(engine::OuterKind kind, Part left, Part right, const std::vector<Reference> &beside,
                               const std::vector<Node *> &on)
{
    std::vector<Node *> plain;
    std::vector<Node *> of_pairs;
    for (Node *conjunct : on) {
        const Relids relids = relids_of(conjunct);
        const bool reads_both = !relids.empty() && side_of(relids, {left.relids, right.relids}) < 0;
        if (!has_sublink(conjunct) || reads_both) {
            (has_sublink(conjunct) ? of_pairs : plain).push_back(conjunct);
            continue;
        }
        const bool is_right = !relids.empty() && !is_within(relids, left.relids);
        std::vector<Node *> nodes = {conjunct};
        translator_.evaluate_sublinks(level_, is_right ? right.input : left.input, nodes);
        plain.push_back(nodes[0]);
    }
    const engine::Condition same = joining_back(left.input, beside, right.input);
    const bool shows_left = kind != engine::OuterKind::right;
    Input result;
    result.scope = left.input.scope;
    append_scope(result.scope, right.input.scope);
    engine::Condition all;
    for (Node *conjunct : plain)
        add_conjunct(all, conjunct, result.scope, {static_cast<int>(left.input.scope.size())});
    all.equalities.insert(all.equalities.end(), same.equalities.begin(), same.equalities.end());
    all.others.insert(all.others.end(), same.others.begin(), same.others.end());
    if (of_pairs.empty()) {
        result.plan = engine::outer_join(kind, left.input.plan, right.input.plan, std::move(all));
    } else {
        const Scope both = result.scope;
        result.plan = engine::join({left.input.plan, right.input.plan}, std::move(all));
        result.plan = translator_.filtered(level_, std::move(result), of_pairs).plan;
        result = with_unmatched({result.plan, both}, shows_left ? &left.input : nullptr,
                                kind != engine::OuterKind::left ? &right.input : nullptr, translator_.next_param());
    }
    if (kind == engine::OuterKind::full)
        return with_either(std::move(result), left.input, beside);
    hide(shows_left ? right.input.scope : left.input.scope, beside);
    result.scope = std::move(left.input.scope);
    append_scope(result.scope, right.input.scope);
    return result;
}

Input FromClause::with_whole(int number, Input input) const
{
    const auto used = used_.find(number);
    if (used == used_.end() || !used->second.contains(0))
        return input;
    return with_whole_row(number, rt_fetch(number, level_.query->rtable), std::move(input), used->second.at(0));
}

Input FromClause::leaf(int number)
{
    const RangeTblEntry *entry = rt_fetch(number, level_.query->rtable);

    if (entry->rtekind == RTE_RELATION)
        return relation(number, entry);
    if (entry->rtekind == RTE_SUBQUERY) {
        const Query *query = outside_.empty() ? entry->subquery : detached_item(entry).query;
        const Level inner = {query, &level_, domain_if_read(query, level_), level_.is_copy};
        if (!entry->security_barrier)
            return subquery(number, entry, inner);
        refuse_barrier(entry->subquery, translator_.sources_.owner());
        const bool is_read_by_owner = translator_.sources_.is_read_by_owner();
        translator_.sources_.set_read_by_owner(true);
        Input input = subquery(number, entry, inner);
        translator_.sources_.set_read_by_owner(is_read_by_owner);
        return input;
    }
    if (entry->rtekind == RTE_VALUES && !has_sublink(computation_of(entry)))
        return values(number, entry);
    if (is_computed(entry) && vars_of_entry(entry).empty())
        return computed_alone(number, entry);
    if (entry->rtekind != RTE_CTE)
        refuse("FROM item", "It is not a table, subquery or join.", use_full);

    const Level *holder = &level_;
    for (Index up = 0; up < entry->ctelevelsup; up++)
        holder = holder->parent;
    const CommonTableExpr *cte = find_cte(holder->query, entry->ctename);
    if (cte->cterecursive)
        return recursive_cte(number, cte, *holder);
    const auto *query = castNode(Query, cte->ctequery);
    return subquery(number, entry, {query, holder, domain_if_read(query, *holder), holder->is_copy});
}

Input FromClause::relation(int number, const RangeTblEntry *entry)
{
    if (entry->tablesample != nullptr)
        refuse("TABLESAMPLE", "The sample would differ at each refresh.", "Remove TABLESAMPLE.");
    const auto used = used_.find(number);
    const auto computed =
        used == used_.end() ? VirtualColumns() : virtual_columns_of(number, entry->relid, used->second);
    std::set<AttrNumber> attributes = attributes_of(computed);
    if (used != used_.end()) {
        for (const auto &[attribute, var] : used->second)
            if (attribute != 0 && !computed.contains(attribute))
                attributes.insert(attribute);
    }
    const int source =
        translator_.sources_.add(entry, call([&] { return rights_of(level_.query, entry).read_as; }), attributes);

    Input input;
    std::vector<engine::Column> columns;
    for (AttrNumber attribute : translator_.sources_.columns(source)) {
        const ValueType value = attribute_type(entry->relid, attribute);
        columns.push_back(column_of(value, call([&] { return get_attname(entry->relid, attribute, false); })));
        input.scope.push_back(make_var(number, attribute, value));
    }
    input.plan = translator_.sources_.plan_of(source, std::move(columns));
    return computed.empty() ? input : with_virtual_columns(std::move(input), computed);
}

Input FromClause::subquery(int number, const RangeTblEntry *entry, const Level &inner)
{
    Input input;
    std::vector<int> needed;
    const auto used = used_.find(number);
    if (used != used_.end()) {
        for (const auto &[attribute, var] : used->second) {
            if (attribute == 0)
                continue;
            needed.push_back(attribute);
            input.scope.push_back(var);
        }
    } else if (has_targets(inner.query)) {
        needed.push_back(all_targets(inner.query).front());
        input.scope.push_back(nullptr);
    }
    input.plan = entry->rtekind == RTE_CTE && !inner.is_copy && inner.domain == nullptr
                     ? translator_.shared_query(inner, needed)
                     : translator_.query(inner, needed);
    if (inner.domain == domain_ && domain_ != nullptr)
        append_scope(input.scope, domain_->scope);
    else if (inner.domain != nullptr)
        input.scope.resize(input.scope.size() + inner.domain->scope.size(), nullptr);
    return input;
}

} // namespace pgtrickle::translate
