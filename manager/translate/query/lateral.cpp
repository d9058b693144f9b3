/*
 * Subqueries of FROM that read columns of other FROM items, or of queries further out.
 *
 * A subquery that consists of FROM and WHERE is a join like any other: its correlated conjuncts are the
 * condition. Any other is translated with the domain of the values it reads, and joined back. The values of
 * the left side that the right side of a LEFT JOIN reads form one domain for the whole right side.
 */
#include "translate/subquery/domain.hpp"

#include "pg/walker.hpp"

extern "C" {
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
}

#include <algorithm>

namespace pgtrickle::translate {

namespace {

/* Outermost references of a query to CTEs of the queries around it. PostgreSQL frame. */
struct OuterCtes {
    Index depth;
    List *entries;
    List *levels; /* distance of the query that has the CTE; 0: the query directly around */
};

bool find_outer_ctes(Node *node, void *context)
{
    auto *found = static_cast<OuterCtes *>(context);
    if (node == nullptr)
        return false;
    if (!IsA(node, Query))
        return walk_expression(node, find_outer_ctes, context);
    ListCell *cell;
    foreach (cell, castNode(Query, node)->rtable) {
        auto *entry = lfirst_node(RangeTblEntry, cell);
        if (entry->rtekind != RTE_CTE || entry->ctelevelsup <= found->depth)
            continue;
        found->entries = lappend(found->entries, entry);
        found->levels = lappend_int(found->levels, static_cast<int>(entry->ctelevelsup - found->depth - 1));
    }
    found->depth++;
    (void)walk_query(castNode(Query, node), find_outer_ctes, context, 0);
    found->depth--;
    return false;
}

const CommonTableExpr *cte_of(const RangeTblEntry *entry, const Level *level, int up)
{
    for (; up > 0 && level != nullptr; up--)
        level = level->parent;
    ListCell *cell;
    foreach (cell, level != nullptr ? level->query->cteList : NIL) {
        const auto *cte = lfirst_node(CommonTableExpr, cell);
        if (strcmp(cte->ctename, entry->ctename) == 0)
            return cte;
    }
    return nullptr;
}

void add_missing(std::vector<Reference> &all, const std::vector<Reference> &some)
{
    for (const Reference &reference : some) {
        const bool is_known = std::any_of(all.begin(), all.end(), [&](const Reference &known) {
            return call([&] { return equal(known.outer, reference.outer); });
        });
        if (!is_known)
            all.push_back(reference);
    }
}

/* Returns the references to a domain in the recursive CTEs to which `query`, which is part of `level`,
 * refers. There are no references to other correlated CTEs left (correlated_cte.hpp). */
std::vector<Reference> read_by_recursions(const Query *query, const Level &level)
{
    std::vector<Reference> all;
    const OuterCtes found = call([&] {
        OuterCtes some = {0, NIL, NIL};
        (void)find_outer_ctes(reinterpret_cast<Node *>(const_cast<Query *>(query)), &some);
        return some;
    });
    for (int i = 0; i < list_length(found.entries); i++) {
        const CommonTableExpr *cte =
            cte_of(list_nth_node(RangeTblEntry, found.entries, i), &level, list_nth_int(found.levels, i));
        if (cte != nullptr && cte->cterecursive)
            add_missing(all, params_of(cte->ctequery));
    }
    return all;
}

} // namespace

Detached FromClause::detached_item(const RangeTblEntry *entry) const
{
    Detached result = detached(entry->subquery, translator_.next_param(), outside_);
    add_missing(result.references, read_by_recursions(result.query, level_));
    return result;
}

const Domain *FromClause::domain_if_read(const Query *query, const Level &level) const
{
    std::vector<Reference> read = params_of(query);
    add_missing(read, read_by_recursions(query, level));
    for (const Reference &reference : read) {
        if (domain_ == nullptr || position_in(domain_->scope, reference.param) < 0)
            refuse("CTE of a correlated subquery, read from within another",
                   "Its rows depend on columns that the reading subquery does not have.",
                   "Write the CTE as a subquery where it is read, or use refresh_mode 'FULL'.");
    }
    return read.empty() ? nullptr : domain_;
}

namespace {

const RangeTblEntry *entry_of(const Node *item, const Query *query)
{
    return IsA(item, RangeTblRef) ? rt_fetch(reinterpret_cast<const RangeTblRef *>(item)->rtindex, query->rtable)
                                  : nullptr;
}

bool is_param(const Reference &reference)
{
    return IsA(reference.outer, Param);
}

std::vector<Reference> found_in(const Scope &scope, const std::vector<Reference> &references)
{
    std::vector<Reference> found;
    for (const Reference &reference : references) {
        if (position_in(scope, reference.outer) >= 0)
            found.push_back(reference);
    }
    return found;
}

} // namespace

/* Returns the columns of the domain or of other items that a FROM item, or any part of it, reads. */
std::vector<Reference> FromClause::references_of(const Node *item) const
{
    std::vector<Reference> all;
    auto add = [&](const std::vector<Reference> &some) { add_missing(all, some); };
    if (const RangeTblEntry *entry = entry_of(item, level_.query)) {
        if (entry->rtekind == RTE_SUBQUERY)
            add(detached_item(entry).references);
        else if (entry->rtekind == RTE_CTE)
            add(params_of(cte_of(entry, &level_, static_cast<int>(entry->ctelevelsup))->ctequery));
        else
            add(params_of(reinterpret_cast<const Node *>(entry)));
        if (is_computed(entry)) {
            std::vector<Reference> read;
            for (Var *var : vars_of_entry(entry))
                read.push_back({reinterpret_cast<Node *>(var), nullptr});
            add(read);
        }
        return all;
    }
    const auto *join = reinterpret_cast<const JoinExpr *>(item);
    if (IsA(item, JoinExpr)) {
        add(references_of(join->larg));
        add(references_of(join->rarg));
        add(params_of(join->quals));
        return all;
    }
    const auto *list = reinterpret_cast<const FromExpr *>(item);
    ListCell *cell;
    foreach (cell, list->fromlist)
        add(references_of(static_cast<Node *>(lfirst(cell))));
    add(params_of(list->quals));
    return all;
}

bool FromClause::reads_domain(Node *item) const
{
    const auto references = domain_ != nullptr ? references_of(item) : std::vector<Reference>{};
    return std::any_of(references.begin(), references.end(), is_param);
}

/* A LEFT or RIGHT JOIN is not lateral: it gets what it reads as a part of its left side. */
bool FromClause::is_lateral(Node *item) const
{
    const bool is_full = IsA(item, JoinExpr) && castNode(JoinExpr, item)->jointype == JOIN_FULL;
    const RangeTblEntry *entry = entry_of(item, level_.query);
    if (!is_full && (entry == nullptr || (entry->rtekind != RTE_SUBQUERY && !is_computed(entry))))
        return false;
    const auto references = references_of(item);
    if (is_full) {
        const Relids own = relids_of_item(item);
        return std::any_of(references.begin(), references.end(), [&](const Reference &reference) {
            return reference.param != nullptr && IsA(reference.outer, Var) &&
                   !own.contains(castNode(Var, reference.outer)->varno);
        });
    }
    if (is_computed(entry))
        return !references.empty();
    return !std::all_of(references.begin(), references.end(), is_param);
}

bool FromClause::is_computed_lateral(Node *item) const
{
    const RangeTblEntry *entry = entry_of(item, level_.query);
    return entry != nullptr && is_computed(entry) && is_lateral(item);
}

/* A function of the left side's columns is evaluated for each row and needs no join. */
Input FromClause::computed_left_join(JoinExpr *join, const std::vector<Node *> &conjuncts)
{
    const int number = castNode(RangeTblRef, join->rarg)->rtindex;
    const std::vector<Node *> on = conjuncts_of(join->quals);
    InnerJoin left;
    collect(join->larg, left);
    const auto used = used_.find(number);
    const bool has_whole = used != used_.end() && used->second.contains(0);
    Input rows = build(left, reads_domain(reinterpret_cast<Node *>(join)));
    const RangeTblEntry *entry = without_sublinks(rt_fetch(number, level_.query->rtable), rows);
    if (has_whole || std::any_of(on.begin(), on.end(), has_sublink)) {
        Input pairs = with_whole(number, computed_beside(number, entry, rows));
        const Scope scope = pairs.scope;
        pairs = {translator_.filtered(level_, std::move(pairs), on).plan, scope};
        rows = with_unmatched(std::move(pairs), &rows, nullptr, translator_.next_param());
    } else {
        rows = computed_left(number, entry, std::move(rows), on);
    }
    return translator_.filtered(level_, std::move(rows), conjuncts);
}

/* Adds a lateral item: the parts that it reads become one part, which gets the item's columns. A FULL JOIN is computed
 * for the domain of the values that it reads. */
void FromClause::add_lateral(std::vector<Part> &parts, Node *item, const std::vector<Node *> &own,
                             std::vector<Node *> &conjuncts)
{
    const RangeTblEntry *entry = entry_of(item, level_.query); /* null: a FULL JOIN */
    const bool is_computed = entry != nullptr && translate::is_computed(entry);
    Detached subquery = {};
    if (entry == nullptr || is_computed)
        subquery.references = references_of(item);
    else
        subquery = detached_item(entry);
    std::vector<Part> read;
    std::vector<Part> rest;
    for (Part &part : parts) {
        const bool is_read =
            std::any_of(subquery.references.begin(), subquery.references.end(), [&](const Reference &reference) {
                return position_in(part.input.scope, reference.outer) >= 0;
            });
        (is_read ? read : rest).push_back(std::move(part));
    }
    Part outer = merged(std::move(read), conjuncts);
    if (entry == nullptr) {
        std::vector<Reference> beside = found_in(outer.input.scope, subquery.references);
        std::erase_if(beside, [](const Reference &reference) { return reference.param == nullptr; });
        distinguish_images(nullptr, beside, translator_.next_param());
        Input rows = build_right({{item}, own}, false, beside, outer.input);
        engine::Condition condition = joining_back(outer.input, beside, rows);
        hide(rows.scope, beside);
        outer.input.plan = engine::join({outer.input.plan, rows.plan}, std::move(condition));
        outer.input.scope.insert(outer.input.scope.end(), rows.scope.begin(), rows.scope.end());
    } else if (is_computed) {
        if (found_in(outer.input.scope, subquery.references).size() < subquery.references.size())
            refuse("FULL JOIN with a function that refers to FROM items outside the join",
                   "It would have to be evaluated for each row of these items.", use_full,
                   call([&] { return exprLocation(computation_of(entry)); }));
        const int number = castNode(RangeTblRef, item)->rtindex;
        entry = without_sublinks(entry, outer.input);
        outer.input = with_whole(number, computed_beside(number, entry, std::move(outer.input)));
        outer.input = translator_.filtered(level_, std::move(outer.input), own);
    } else {
        outer.input = lateral(castNode(RangeTblRef, item)->rtindex, std::move(outer.input), subquery, own);
    }
    outer.relids.merge(relids_of_item(item));
    rest.push_back(std::move(outer));
    parts = std::move(rest);
}

Input FromClause::lateral(int number, Input outer, const Detached &subquery, const std::vector<Node *> &own)
{
    std::vector<int> needed;
    std::vector<Node *> vars;
    const auto used = used_.find(number);
    if (used != used_.end()) {
        for (const auto &[attribute, var] : used->second) {
            if (attribute == 0)
                continue;
            needed.push_back(attribute);
            vars.push_back(var);
        }
    }
    if (auto rows = translator_.plain_rows(level_, subquery.query, needed, false))
        return translator_.filtered(level_, with_whole(number, joined_plainly(outer, subquery, *rows, vars)), own);
    std::vector<Reference> references = subquery.references;
    distinguish_images(subquery.query, references, translator_.next_param());
    const Domain domain = domain_of(outer, references);
    Input result =
        this->subquery(number, rt_fetch(number, level_.query->rtable), {subquery.query, &level_, &domain, true});
    std::copy(domain.scope.begin(), domain.scope.end(), result.scope.end() - static_cast<long>(domain.scope.size()));
    engine::Condition condition = joining_back(outer, references, result);
    hide(result.scope, references);
    Input all;
    all.plan = engine::join({outer.plan, result.plan}, std::move(condition));
    all.scope = outer.scope;
    all.scope.insert(all.scope.end(), result.scope.begin(), result.scope.end());
    return translator_.filtered(level_, with_whole(number, std::move(all)), own);
}

/* Returns the outer columns, followed by the subquery's targets as the columns `vars`. */
Input FromClause::joined_plainly(const Input &outer, const Detached &subquery, const PlainRows &rows,
                                 const std::vector<Node *> &vars) const
{
    const int width = static_cast<int>(outer.scope.size());
    Scope scope = seen_from_inside(outer.scope, subquery.references);
    scope.insert(scope.end(), rows.input.scope.begin(), rows.input.scope.end());
    engine::Condition condition;
    for (Node *conjunct : rows.conjuncts)
        add_conjunct(condition, conjunct, scope, {width});
    Input result;
    result.scope = outer.scope;
    result.plan = engine::join({outer.plan, rows.input.plan}, std::move(condition));
    std::vector<engine::NamedExpression> expressions;
    std::vector<std::string> names;
    const auto &columns = engine::columns(result.plan);
    for (int i = 0; i < width; i++) {
        expressions.push_back({engine::column_reference(i, columns[i]), {}});
        names.push_back(columns[i].name);
    }
    for (size_t i = 0; i < vars.size(); i++) {
        expressions.push_back({expression_of(rows.targets[i], scope), {}});
        names.push_back("lateral_" + std::to_string(i + 1));
        result.scope.push_back(vars[i]);
    }
    names = distinct_names(std::move(names));
    for (size_t i = 0; i < names.size(); i++)
        expressions[i].name = names[i];
    result.plan = engine::project(result.plan, std::move(expressions));
    return result;
}

/* Returns those of `others` whose columns `item` reads, and those that these read in turn. */
std::vector<Node *> FromClause::items_read(Node *item, const std::vector<Node *> &others) const
{
    std::vector<Node *> read;
    std::vector<Node *> left = {item};
    while (!left.empty()) {
        const std::vector<Reference> references = references_of(left.back());
        left.pop_back();
        for (Node *other : others) {
            const Relids relids = relids_of_item(other);
            const bool is_read = std::any_of(references.begin(), references.end(), [&](const Reference &reference) {
                return IsA(reference.outer, Var) && relids.contains(castNode(Var, reference.outer)->varno);
            });
            if (!is_read || other == item || std::find(read.begin(), read.end(), other) != read.end())
                continue;
            read.push_back(other);
            left.push_back(other);
        }
    }
    return read;
}

/* Moves the items that a LEFT JOIN reads to its left side, O ⋈ (A ⟕ B) = (O ⋈ A) ⟕ B, and those that a RIGHT JOIN reads
 * to the left side of the LEFT JOIN that it is with its sides exchanged. */
InnerJoin FromClause::with_inputs_inside(InnerJoin join) const
{
    for (size_t i = 0; i < join.items.size(); i++) {
        if (!IsA(join.items[i], JoinExpr) || castNode(JoinExpr, join.items[i])->jointype == JOIN_FULL)
            continue;
        const std::vector<Node *> read = items_read(join.items[i], join.items);
        if (read.empty())
            continue;
        Node *wider = call([&] {
            auto *copy = makeNode(JoinExpr);
            memcpy(copy, join.items[i], sizeof(JoinExpr));
            if (copy->jointype == JOIN_RIGHT)
                std::swap(copy->larg, copy->rarg);
            copy->jointype = JOIN_LEFT;
            copy->larg = reinterpret_cast<Node *>(makeFromExpr(list_make1(copy->larg), nullptr));
            return reinterpret_cast<Node *>(copy);
        });
        auto *left = castNode(FromExpr, castNode(JoinExpr, wider)->larg);
        for (Node *item : read)
            left->fromlist = call([&] { return lcons(item, left->fromlist); });
        std::vector<Node *> items = {wider};
        for (Node *item : join.items) {
            if (item != join.items[i] && std::find(read.begin(), read.end(), item) == read.end())
                items.push_back(item);
        }
        join.items = std::move(items);
        return with_inputs_inside(std::move(join));
    }
    return join;
}

/* Whether a function in a join on the right side reads columns of the left side. */
bool FromClause::has_function_beside(JoinExpr *join) const
{
    const Relids left = relids_of_item(join->larg);
    const std::vector<Reference> all = references_of(join->rarg);
    return std::any_of(all.begin(), all.end(), [&](const Reference &reference) {
        return reference.param == nullptr && left.contains(reinterpret_cast<const Var *>(reference.outer)->varno);
    });
}

/* Translates a LEFT JOIN as an inner join of both sides, and the rows of the left side without a match. */
Input FromClause::paired_left_join(const InnerJoin &left, const InnerJoin &right, const std::vector<Node *> &on,
                                   bool carries)
{
    InnerJoin both = left;
    both.items.insert(both.items.end(), right.items.begin(), right.items.end());
    for (const std::vector<Node *> &more : {right.conjuncts, on})
        both.conjuncts.insert(both.conjuncts.end(), more.begin(), more.end());
    const Input rows = arranged(build(left, carries), {});
    return with_unmatched(arranged(build(both, carries), rows.scope), &rows, nullptr, translator_.next_param());
}

/* Returns the references that must be equal on both sides of an outer join in addition to its condition. */
std::vector<Reference> FromClause::references_beside(JoinExpr *join, const Input &left) const
{
    if (join->jointype == JOIN_LEFT) {
        std::vector<Reference> all = references_of(join->rarg);
        const bool reads_left = std::any_of(all.begin(), all.end(), [&](const Reference &reference) {
            return !is_param(reference) && position_in(left.scope, reference.outer) >= 0;
        });
        if (reads_left) {
            add_missing(all, params_of(join->quals)); /* conditions on the right side alone are evaluated there */
            std::vector<Reference> beside = found_in(left.scope, all);
            distinguish_images(nullptr, beside, translator_.next_param());
            return beside;
        }
    }
    if (domain_ == nullptr)
        return {};
    const bool both = join->jointype == JOIN_LEFT    ? reads_domain(join->rarg)
                      : join->jointype == JOIN_RIGHT ? reads_domain(join->larg)
                                                     : reads_domain(reinterpret_cast<Node *>(join));
    return both ? references_to(*domain_) : std::vector<Reference>{};
}

Input FromClause::build_right(const InnerJoin &right, bool carries, const std::vector<Reference> &beside,
                              const Input &left)
{
    if (std::all_of(beside.begin(), beside.end(), is_param))
        return build(right, carries || !beside.empty());
    const Domain domain = domain_of(left, beside);
    const Domain *outer_domain = domain_;
    const std::vector<Reference> outer_outside = outside_;
    domain_ = &domain;
    for (const Reference &reference : beside)
        outside_.push_back(what_is_read(reference));
    Input result = build(right, true);
    domain_ = outer_domain;
    outside_ = outer_outside;
    return result;
}

} // namespace pgtrickle::translate
