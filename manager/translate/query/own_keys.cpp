/*
 * Keys of grouping sets that are equal expressions.
 *
 *   SELECT g AS a1, g AS a2 … GROUP BY a1, ROLLUP (a2)   ─►   GROUP BY g, ROLLUP (p), where p is another column with g
 *
 * PostgreSQL finds a key by the reference of its target, so that a set can contain one of two keys that are equal;
 * translation finds it by its expression. A key whose expression is also another key, or a column of the domain, which
 * every set contains, thus becomes a column of its own, represented by a Param. What is no key itself but contains the
 * expression reads the first of the keys.
 */
#include "translate/level/level.hpp"

#include "pg/versions/planner.hpp"
#include "translate/subquery/sublink.hpp"

extern "C" {
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
}

#include <algorithm>

namespace pgtrickle::translate {

namespace {

Node *expression_of_entry(const TargetEntry *entry)
{
    return reinterpret_cast<Node *>(entry->expr);
}

/* Returns copies of the targets that are keys, those of the domain excepted, in the order in which PostgreSQL compares
 * them with other expressions. */
std::vector<TargetEntry *> own_keys_of(Query *query, const Domain *domain)
{
    const int shared = domain != nullptr ? static_cast<int>(domain->scope.size()) : 0;
    std::vector<TargetEntry *> keys;
    for (int i = shared; i < list_length(query->groupClause); i++)
        keys.push_back(call([&] {
            return get_sortgroupclause_tle(list_nth_node(SortGroupClause, query->groupClause, i), query->targetList);
        }));
    if (!are_keys_found_by_parser)
        std::sort(keys.begin(), keys.end(),
                  [](const auto *left, const auto *right) { return left->resno < right->resno; });
    return keys;
}

/* Whether no other expression contains the key: PostgreSQL takes a constant there for what it is. */
bool is_found_by_reference_only(Node *key)
{
    return call([&] { return IsA(fold_constants(static_cast<Node *>(copyObjectImpl(key))), Const); });
}

void copy_targets(Query *query)
{
    call([&] {
        List *copies = NIL;
        ListCell *cell;
        foreach (cell, query->targetList)
            copies = lappend(copies, flatCopyTargetEntry(lfirst_node(TargetEntry, cell)));
        query->targetList = copies;
    });
}

} // namespace

Input with_own_keys(Query *query, Input input, const Domain *domain, int &next_param)
{
    if (query->groupingSets == NIL)
        return input;
    copy_targets(query);
    const Scope shared = domain != nullptr ? domain->scope : Scope{};
    Scope known = shared;
    std::vector<Node *> originals, replacements;
    for (TargetEntry *entry : own_keys_of(query, domain)) {
        Node *key = expression_of_entry(entry);
        const bool is_known = position_in(known, key) >= 0;
        if (!is_known)
            known.push_back(key);
        if (!is_known && !is_found_by_reference_only(key))
            continue;
        Node *own = new_param(value_type(key), next_param);
        engine::Expression value = expression_of(key, input.scope);
        value.result.name = "key";
        input = with_column(std::move(input), std::move(value), own);
        if (position_in(shared, key) >= 0 && position_in(originals, key) < 0) {
            originals.push_back(key);
            replacements.push_back(own);
        }
        entry->expr = reinterpret_cast<Expr *>(own);
    }
    if (originals.empty())
        return input;
    for (int i = 0; i < list_length(query->targetList) - static_cast<int>(shared.size()); i++) {
        auto *entry = list_nth_node(TargetEntry, query->targetList, i);
        entry->expr = reinterpret_cast<Expr *>(replaced(expression_of_entry(entry), originals, replacements));
    }
    query->havingQual = replaced(query->havingQual, originals, replacements);
    return input;
}

} // namespace pgtrickle::translate
