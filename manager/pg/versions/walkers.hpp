/*
 * Walkers and mutators of expression trees, and what a tree says in some versions only; README.md. PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/nodeFuncs.h"
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

/* Since 16 a column tells which outer joins may have made it null, so that it is another one above such a join than below.
 * Takes that from all of the query, which the planner must not see any more. */
inline bool forget_nulling_joins_of(::Node *node, void *)
{
    if (node == nullptr)
        return false;
#if PG_VERSION_NUM >= 160000
    if (IsA(node, Var))
        castNode(Var, node)->varnullingrels = nullptr;
#endif
    if (IsA(node, Query))
        return query_tree_walker(castNode(Query, node), for_core(forget_nulling_joins_of), nullptr, 0);
    return expression_tree_walker(node, for_core(forget_nulling_joins_of), nullptr);
}
inline void forget_nulling_joins(Query *query)
{
    if (PG_VERSION_NUM >= 160000)
        (void)forget_nulling_joins_of(reinterpret_cast<::Node *>(query), nullptr);
}

} // namespace pgtrickle
