#include "translate/subquery/domain.hpp"
#include "translate/subquery/correlated_cte.hpp"

#include "pg/walker.hpp"

extern "C" {
#include "nodes/makefuncs.h"
#include "optimizer/tlist.h"
#include "parser/parse_clause.h"
#include "parser/parse_coerce.h"
#include "parser/parse_oper.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"
}

#include <algorithm>

namespace pgtrickle::translate {

namespace {

struct Detaching {
    Index depth;
    List *outer;
    List *params;
    const Reference *known;
    size_t known_count;
    int *next_param;
};

/* The functions of this namespace are PostgreSQL frames. */

Node *make_param(Oid type, int32 typmod, Oid collation, int *next_param)
{
    Param *param = makeNode(Param);
    param->paramkind = PARAM_EXEC;
    param->paramid = (*next_param)++;
    param->paramtype = type;
    param->paramtypmod = typmod;
    param->paramcollid = collation;
    param->location = -1;
    return reinterpret_cast<Node *>(param);
}

bool is_domain_param(const Node *node)
{
    return IsA(node, Param) && reinterpret_cast<const Param *>(node)->paramkind == PARAM_EXEC;
}

Node *refer_to(Node *outer, Detaching *detaching)
{
    ListCell *outer_cell, *param_cell;
    forboth(outer_cell, detaching->outer, param_cell, detaching->params)
    {
        if (equal(lfirst(outer_cell), outer))
            return static_cast<Node *>(copyObjectImpl(lfirst(param_cell)));
    }
    Node *param = is_domain_param(outer)
                      ? outer
                      : make_param(exprType(outer), exprTypmod(outer), exprCollation(outer), detaching->next_param);
    detaching->outer = lappend(detaching->outer, outer);
    detaching->params = lappend(detaching->params, param);
    return static_cast<Node *>(copyObjectImpl(param));
}

bool is_of_level(const Node *node, Index depth)
{
    if (IsA(node, Var))
        return reinterpret_cast<const Var *>(node)->varlevelsup == depth;
    if (IsA(node, Aggref))
        return reinterpret_cast<const Aggref *>(node)->agglevelsup == depth;
    return IsA(node, GroupingFunc) && reinterpret_cast<const GroupingFunc *>(node)->agglevelsup == depth;
}

Node *detach(Node *node, void *context)
{
    auto *detaching = static_cast<Detaching *>(context);
    if (node == nullptr)
        return nullptr;
    if (is_domain_param(node))
        return refer_to(static_cast<Node *>(copyObjectImpl(node)), detaching);
    if (is_of_level(node, detaching->depth)) {
        auto *outer = static_cast<Node *>(copyObjectImpl(node));
        IncrementVarSublevelsUp(outer, -static_cast<int>(detaching->depth), detaching->depth);
        for (size_t i = 0; i < detaching->known_count; i++) {
            if (!equal(detaching->known[i].outer, outer))
                continue;
            Node *known = detaching->known[i].param;
            if (!is_domain_param(known))
                return detach(static_cast<Node *>(copyObjectImpl(known)), context);
            outer = static_cast<Node *>(copyObjectImpl(known));
        }
        return refer_to(outer, detaching);
    }
    if (IsA(node, Query)) {
        detaching->depth++;
        Query *copy = query_tree_mutator(reinterpret_cast<Query *>(node), for_core(detach), context, 0);
        detaching->depth--;
        return reinterpret_cast<Node *>(copy);
    }
    return mutate_expression(node, detach, context);
}

/* Collects the Params of domains in the list `context`. */
bool find_domain_params(Node *node, void *context)
{
    if (node == nullptr)
        return false;
    if (is_domain_param(node)) {
        auto **found = static_cast<List **>(context);
        *found = list_append_unique(*found, node);
        return false;
    }
    if (IsA(node, Query))
        return walk_query(reinterpret_cast<Query *>(node), find_domain_params, context, 0);
    if (IsA(node, RangeTblEntry))
        return range_table_entry_walker(reinterpret_cast<RangeTblEntry *>(node), for_core(find_domain_params), context,
                                        0);
    return walk_expression(node, find_domain_params, context);
}

/* Returns a domain or a varchar coerced to the input type of the operator, as the parser would do it. */
Expr *operand(Node *value, Oid equals)
{
    Oid left, right;
    op_input_types(equals, &left, &right);
    Node *made = coerce_type(nullptr, value, exprType(value), left, -1, COERCION_IMPLICIT, COERCE_IMPLICIT_CAST, -1);
    if (made != value)
        exprSetCollation(made, exprCollation(value));
    return reinterpret_cast<Expr *>(made);
}

OpExpr *equality(Node *left, Node *right)
{
    const Oid type = exprType(left);
    const TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_EQ_OPR);
    if (!OidIsValid(entry->eq_opr))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
                        errmsg("could not identify an equality operator for type %s", format_type_be(type))));
    return castNode(OpExpr, make_opclause(entry->eq_opr, BOOLOID, false, operand(left, entry->eq_opr),
                                          operand(right, entry->eq_opr), InvalidOid, exprCollation(left)));
}

SortGroupClause *grouping_by(Node *param, List **targets)
{
    TargetEntry *entry = makeTargetEntry(static_cast<Expr *>(copyObjectImpl(param)),
                                         static_cast<AttrNumber>(list_length(*targets) + 1), nullptr, true);
    SortGroupClause *clause = makeNode(SortGroupClause);
    get_sort_group_operators(exprType(param), false, true, false, &clause->sortop, &clause->eqop, nullptr,
                             &clause->hashable);
    clause->tleSortGroupRef = assignSortGroupRef(entry, *targets);
    *targets = lappend(*targets, entry);
    return clause;
}

List *copied(const List *list)
{
    return list_copy(list);
}

Query *add_keys(const Query *query, Node *const *params, int count)
{
    Query *result = makeNode(Query);
    memcpy(result, query, sizeof(Query));
    result->targetList = copied(query->targetList);
    List *keys = NIL;
    List *references = NIL;
    for (int i = 0; i < count; i++) {
        SortGroupClause *key = grouping_by(params[i], &result->targetList);
        keys = lappend(keys, key);
        references = lappend_int(references, static_cast<int>(key->tleSortGroupRef));
    }
    if (query->groupClause != NIL || query->hasAggs || query->havingQual != nullptr || query->groupingSets != NIL)
        result->groupClause = list_concat(copied(keys), query->groupClause);
    if (query->groupingSets != NIL) {
        GroupingSet *all = makeNode(GroupingSet);
        all->kind = GROUPING_SET_SIMPLE;
        all->content = references;
        all->location = -1;
        result->groupingSets = lcons(all, copied(query->groupingSets));
    }
    return result;
}

} // namespace

Detached detached(const Query *subquery, int &next_param, const std::vector<Reference> &known)
{
    int *next = &next_param;
    const Reference *references = known.data();
    const size_t count = known.size();
    const auto [query, detaching] = call([&] {
        struct Result {
            Node *query;
            Detaching detaching;
        };
        Result result = {nullptr, {0, NIL, NIL, references, count, next}};
        result.query = detach(reinterpret_cast<Node *>(const_cast<Query *>(subquery)), &result.detaching);
        inline_correlated_ctes(castNode(Query, result.query));
        return result;
    });
    Detached result = {castNode(Query, query), {}};
    /* References that only an unused CTE contained have been removed with it. */
    const std::vector<Reference> left = params_of(query);
    for (int i = 0; i < list_length(detaching.outer); i++) {
        auto *param = static_cast<Node *>(list_nth(detaching.params, i));
        if (std::any_of(left.begin(), left.end(),
                        [&](const Reference &one) { return call([&] { return equal(one.param, param); }); }))
            result.references.push_back({static_cast<Node *>(list_nth(detaching.outer, i)), param});
    }
    return result;
}

Node *new_param(const ValueType &value, int &next_param)
{
    int *next = &next_param;
    return call([&] { return make_param(value.type, value.typmod, value.collation, next); });
}

bool reads_domain(const void *tree)
{
    return !params_of(tree).empty();
}

std::vector<Reference> params_of(const void *tree)
{
    auto *node = static_cast<Node *>(const_cast<void *>(tree));
    List *params = call([&] {
        List *found = NIL;
        (void)find_domain_params(node, &found);
        return found;
    });
    std::vector<Reference> references;
    ListCell *cell;
    foreach (cell, params)
        references.push_back({static_cast<Node *>(lfirst(cell)), static_cast<Node *>(lfirst(cell))});
    return references;
}

int position_in(const Scope &scope, const Node *node)
{
    for (size_t i = 0; i < scope.size(); i++) {
        if (scope[i] != nullptr && call([&] { return equal(scope[i], node); }))
            return static_cast<int>(i);
    }
    return -1;
}

Scope seen_from_inside(const Scope &outer, const std::vector<Reference> &references)
{
    Scope scope(outer.size(), nullptr);
    for (const Reference &reference : references)
        scope.at(position_in(outer, reference.outer)) = reference.param;
    return scope;
}

namespace {

/* Whether the reference is to the text of a value without equality, not to an image of a value with
 * equality. */
bool is_text(const Reference &reference)
{
    return what_is_read(reference).outer != reference.outer;
}

/* Returns `pair` with its slots replaced by operands of one collation. */
engine::Condition::Pair with_operands(const engine::Condition::Pair &pair,
                                      const std::vector<engine::Expression> &operands)
{
    return {pair.left.around(operands), pair.right.around(operands), pair.whole.around(operands)};
}

} // namespace

Domain domain_of(const Input &outer, const std::vector<Reference> &references)
{
    Domain domain;
    std::vector<engine::NamedExpression> expressions;
    for (const Reference &reference : references) {
        const int position = position_in(outer.scope, reference.outer);
        engine::Expression value = position >= 0
                                       ? engine::column_reference(position, engine::columns(outer.plan).at(position))
                                       : expression_of(reference.outer, outer.scope);
        const bool is_image = position < 0 && !is_text(reference);
        value.result.may_be_null = value.result.may_be_null && !is_image;
        expressions.push_back({std::move(value), "outer_" + std::to_string(expressions.size() + 1)});
        domain.scope.push_back(reference.param);
    }
    domain.plan = engine::distinct(engine::project(outer.plan, std::move(expressions)));
    return domain;
}

namespace {

/* Returns `whole`, an equality of `left` and `right`, or true if both are NULL. The first part can be hashed, as an
 * equality for which NULLs are equal; the second part can be looked up in an index on a side, which the first cannot.
 * ARRAY[] of an array has one dimension more, and may have too many. */
engine::Expression or_both_null(const engine::Expression &left, const engine::Expression &right,
                                const engine::Expression &whole, bool is_array)
{
    engine::Expression frame;
    auto print = [&](const std::string &text) { frame.pieces.emplace_back(text); };
    auto slot = [&](int i) { frame.pieces.emplace_back(std::in_place_type<int>, i); };
    const auto compare = [&](const std::string &before, const std::string &after) {
        print(before), slot(0), print(after), print(" OPERATOR(pg_catalog.=) "), print(before), slot(1), print(after);
    };
    if (is_array) {
        compare("coalesce(", ", ARRAY[]::" + left.result.type + ")");
        print(" AND ");
        compare("(", " IS NULL)");
    } else {
        compare("ARRAY[", "]");
    }
    print(" AND ("), slot(2), print(" OR "), slot(0), print(" IS NULL AND "), slot(1), print(" IS NULL)");
    frame.result = whole.result;
    frame.may_fail = whole.may_fail;
    return frame.compose({left, right, whole});
}

bool is_array_type(Oid type)
{
    const Oid element = get_element_type(type);
    return OidIsValid(element) && get_array_type(element) == type;
}

} // namespace

engine::Condition::Pair null_safe_pair(int left, const engine::Column &left_column, int right,
                                       const engine::Column &right_column, const ValueType &value)
{
    int next_param = 0;
    Scope scope(std::max(left, right) + 1, nullptr);
    scope[left] = new_param(value, next_param);
    scope[right] = new_param(value, next_param);
    Node *equal = call([&] { return reinterpret_cast<Node *>(equality(scope[left], scope[right])); });
    engine::Condition::Pair pair = {engine::column_reference(left, left_column),
                                    engine::column_reference(right, right_column), expression_of(equal, scope)};
    if (left_column.may_be_null && right_column.may_be_null)
        pair.whole = or_both_null(pair.left, pair.right, pair.whole, call([&] { return is_array_type(value.type); }));
    return pair;
}

engine::Condition joining_back(const Input &outer, const std::vector<Reference> &references, const Input &result)
{
    engine::Condition condition;
    Scope both = outer.scope;
    both.insert(both.end(), result.scope.begin(), result.scope.end());
    const auto &left_columns = engine::columns(outer.plan);
    const auto &right_columns = engine::columns(result.plan);
    const int width = static_cast<int>(left_columns.size());
    for (const Reference &reference : references) {
        const int left = position_in(outer.scope, reference.outer);
        const int right = position_in(result.scope, reference.param);
        if (left >= 0) {
            condition.equalities.push_back(null_safe_pair(left, left_columns.at(left), width + right,
                                                          right_columns.at(right), value_type(reference.param)));
            continue;
        }
        if (is_text(reference)) {
            const engine::Expression text = expression_of(reference.outer, outer.scope);
            const engine::Column &same = right_columns.at(right);
            condition.equalities.push_back(
                with_operands(null_safe_pair(0, text.result, 1, same, value_type(reference.param)),
                              {text, engine::column_reference(width + right, same)}));
            continue;
        }
        /* Rows are not looked up by the image, but by the value. */
        Node *is_same_image =
            call([&] { return reinterpret_cast<Node *>(equality(reference.outer, reference.param)); });
        condition.others.push_back(expression_of(is_same_image, both));
    }
    return condition;
}

void hide(Scope &scope, const std::vector<Reference> &references)
{
    for (const Reference &reference : references) {
        const int position = position_in(scope, reference.param);
        if (position >= 0)
            scope[position] = nullptr;
    }
}

std::vector<Reference> references_to(const Domain &domain)
{
    std::vector<Reference> references;
    for (Node *param : domain.scope)
        references.push_back({param, param});
    return references;
}

namespace {

/* Returns the input whose columns the expression reads, -1 if it reads none, or those of several inputs. */
int input_of(const engine::Expression &expression, const std::vector<int> &starts)
{
    int input = -1;
    for (const int column : expression.columns()) {
        const int own = static_cast<int>(std::upper_bound(starts.begin(), starts.end(), column) - starts.begin());
        if (input >= 0 && own != input)
            return -1;
        input = own;
    }
    return input;
}

} // namespace

void add_conjunct(engine::Condition &condition, Node *conjunct, const Scope &scope, const std::vector<int> &starts)
{
    const auto [left, right] = equality_arguments(conjunct);
    if (left != nullptr) {
        engine::Expression one = expression_of(left, scope), two = expression_of(right, scope);
        if (input_of(two, starts) < input_of(one, starts))
            std::swap(one, two);
        if (const int first = input_of(one, starts); first >= 0 && first != input_of(two, starts)) {
            condition.equalities.push_back({one, two, expression_of(conjunct, scope)});
            return;
        }
    }
    condition.others.push_back(expression_of(conjunct, scope));
}

Query *with_domain_keys(const Query *query, const Domain &domain)
{
    Node *const *params = domain.scope.data();
    const int count = static_cast<int>(domain.scope.size());
    return call([&] { return add_keys(query, params, count); });
}

} // namespace pgtrickle::translate
