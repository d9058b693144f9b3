/*
 * Levels of correlated subqueries that PostgreSQL would have to sort by the values by which they are correlated. These
 * join its keys: PARTITION BY of a window, GROUP BY, the columns of a set operation.
 */
#include "pg/walker.hpp"
#include "translate/level/ordering.hpp"
#include "translate/subquery/domain.hpp"

extern "C" {
#include "catalog/pg_aggregate.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/typcache.h"
}

namespace pgtrickle::translate {

namespace {

/* PostgreSQL frame. */
bool has_sorting_aggregate(Node *node, void *context)
{
    if (node == nullptr)
        return false;
    if (IsA(node, Aggref)) {
        const auto *aggregate = castNode(Aggref, node);
        if (aggregate->aggorder != NIL || aggregate->aggdistinct != NIL || AGGKIND_IS_ORDERED_SET(aggregate->aggkind))
            return true;
    }
    return walk_expression(node, has_sorting_aggregate, context);
}

/* Whether a set operation compares columns of which one has no hash function. PostgreSQL frame. */
bool has_sorting_operation(const Node *operation)
{
    if (operation == nullptr || !IsA(operation, SetOperationStmt))
        return false;
    const auto *both = reinterpret_cast<const SetOperationStmt *>(operation);
    ListCell *cell;
    foreach (cell, both->groupClauses)
        if (!lfirst_node(SortGroupClause, cell)->hashable)
            return true;
    return has_sorting_operation(both->larg) || has_sorting_operation(both->rarg);
}

/* Whether PostgreSQL has to sort the rows of the level by the columns of its domain, as it cannot hash windows, groups
 * with aggregates that are sorted, and keys of which one has no hash function. */
bool sorts_by_domain(const Query *query, const Domain &domain)
{
    Node *const *keys = domain.scope.data();
    const size_t count = domain.scope.size();
    if (query->hasWindowFuncs || query->hasDistinctOn || has_limit(query))
        return true;
    return call([&] {
        for (size_t i = 0; i < count; i++)
            if (!OidIsValid(lookup_type_cache(exprType(keys[i]), TYPECACHE_HASH_PROC)->hash_proc))
                return true;
        ListCell *cell;
        foreach (cell, list_concat_copy(query->groupClause, query->distinctClause))
            if (!lfirst_node(SortGroupClause, cell)->hashable)
                return true;
        return has_sorting_operation(query->setOperations) ||
               has_sorting_aggregate(reinterpret_cast<Node *>(query->targetList), nullptr) ||
               has_sorting_aggregate(query->havingQual, nullptr);
    });
}

} // namespace

void refuse_unsortable_domain(const Level &level)
{
    if (level.domain == nullptr || !sorts_by_domain(level.query, *level.domain))
        return;
    for (const Node *key : level.domain->scope) {
        const char *name = call([&]() -> const char * {
            const bool is_sortable = OidIsValid(lookup_type_cache(exprType(key), TYPECACHE_LT_OPR)->lt_opr);
            return is_sortable ? nullptr : format_type_be(exprType(key));
        });
        if (name != nullptr)
            refuse(std::string("correlation by a value of type ") + name,
                   "The rows of the subquery would be sorted by it, and the type has no order.",
                   "Cast it to a type with an order, or use refresh_mode 'FULL'.");
    }
}

} // namespace pgtrickle::translate
