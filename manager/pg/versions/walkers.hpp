/*
 * Walkers and mutators of expression trees, and parts of a tree that exist in some versions only; README.md.
 * PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
}

namespace pgtrickle {

using Walker = bool (*)(::Node *, void *);
using Mutator = ::Node *(*)(::Node *, void *);

/* Up to 15 the callback is declared without parameters, which C++ takes to mean none. */
#if PG_VERSION_NUM < 160000
using CoreWalker = bool (*)();
using CoreMutator = ::Node *(*)();
#else
using CoreWalker = Walker;
using CoreMutator = Mutator;
#endif

/* Casting by way of void (*)() shows the compiler that the conversion is intended. */
inline CoreWalker for_core(Walker walker)
{
    return reinterpret_cast<CoreWalker>(reinterpret_cast<void (*)()>(walker));
}
inline CoreMutator for_core(Mutator mutator)
{
    return reinterpret_cast<CoreMutator>(reinterpret_cast<void (*)()>(mutator));
}

/*
 * Removes the marks that only the planner needs. Since 16, a Var records the outer joins that may have made
 * it null, and differs above and below such a join; since 18, an expression of GROUP BY is a Var of a range
 * table entry. With these marks, equal expressions do not compare as equal.
 */
inline bool remove_planner_marks_of(::Node *node, void *)
{
    if (node == nullptr)
        return false;
#if PG_VERSION_NUM >= 160000
    if (IsA(node, Var))
        castNode(Var, node)->varnullingrels = nullptr;
#endif
#if PG_VERSION_NUM >= 180000
    if (IsA(node, Query) && castNode(Query, node)->hasGroupRTE) {
        auto *query = castNode(Query, node);
        query->targetList = reinterpret_cast<List *>(
            flatten_group_exprs(nullptr, query, reinterpret_cast<::Node *>(query->targetList)));
        query->havingQual = flatten_group_exprs(nullptr, query, query->havingQual);
        query->hasGroupRTE = false;
        ListCell *cell;
        foreach (cell, query->rtable) {
            auto *entry = lfirst_node(RangeTblEntry, cell);
            if (entry->rtekind == RTE_GROUP) {
                entry->rtekind = RTE_RESULT;
                entry->groupexprs = NIL;
            }
        }
    }
#endif
    if (IsA(node, Query))
        return query_tree_walker(castNode(Query, node), for_core(remove_planner_marks_of), nullptr, 0);
    return expression_tree_walker(node, for_core(remove_planner_marks_of), nullptr);
}

/* Removes the planner's marks from the whole query, which must not be planned afterwards. */
inline void remove_planner_marks(Query *query)
{
    if (PG_VERSION_NUM >= 160000)
        (void)remove_planner_marks_of(reinterpret_cast<::Node *>(query), nullptr);
}

} // namespace pgtrickle
