/*
 * Walkers and mutators of expression trees, and what a tree says in some versions only; README.md. PostgreSQL frames.
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

/* Until 15 the callback is declared without parameters, which C++ reads as none. */
#if PG_VERSION_NUM < 160000
using CoreWalker = bool (*)();
using CoreMutator = ::Node *(*)();
#else
using CoreWalker = Walker;
using CoreMutator = Mutator;
#endif

/* The way over void (*)() tells the compiler that this is meant. */
inline CoreWalker for_core(Walker walker)
{
    return reinterpret_cast<CoreWalker>(reinterpret_cast<void (*)()>(walker));
}
inline CoreMutator for_core(Mutator mutator)
{
    return reinterpret_cast<CoreMutator>(reinterpret_cast<void (*)()>(mutator));
}

/*
 * Since 16 a column tells which outer joins may have made it null, so that it is another one above such a join than below;
 * since 18 what GROUP BY names is a column of an entry of the range table. The planner needs both, and equal expressions do not
 * look equal by them.
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

/* Takes from all of a query, which the planner must not see any more, the marks that only the planner needs. */
inline void remove_planner_marks(Query *query)
{
    if (PG_VERSION_NUM >= 160000)
        (void)remove_planner_marks_of(reinterpret_cast<::Node *>(query), nullptr);
}

} // namespace pgtrickle
