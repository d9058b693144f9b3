/*
 * PostgreSQL's tree walkers, called alike in all versions. For PostgreSQL frames: the
 * callbacks are called from C and must not throw.
 */
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include "nodes/nodeFuncs.h"
}

namespace pgtrickle::translate {

using Walker = bool (*)(Node *, void *);
using Mutator = Node *(*)(Node *, void *);

#if PG_VERSION_NUM >= 160000
inline bool walk(Node *node, Walker walker, void *context)
{
    return expression_tree_walker(node, walker, context);
}
inline bool walk_query(Query *query, Walker walker, void *context, int flags)
{
    return query_tree_walker(query, walker, context, flags);
}
inline Node *mutate(Node *node, Mutator mutator, void *context)
{
    return expression_tree_mutator(node, mutator, context);
}
#else
/* Until 15 the callback is declared without parameters, which C++ reads as none; the way over
 * void (*)() tells the compiler that this is meant. */
using AnyFunction = void (*)();

inline bool walk(Node *node, Walker walker, void *context)
{
    return expression_tree_walker(node, reinterpret_cast<bool (*)()>(reinterpret_cast<AnyFunction>(walker)),
                                  context);
}
inline bool walk_query(Query *query, Walker walker, void *context, int flags)
{
    return query_tree_walker(query, reinterpret_cast<bool (*)()>(reinterpret_cast<AnyFunction>(walker)),
                             context, flags);
}
inline Node *mutate(Node *node, Mutator mutator, void *context)
{
    return expression_tree_mutator(
        node, reinterpret_cast<Node *(*)()>(reinterpret_cast<AnyFunction>(mutator)), context);
}
#endif

} // namespace pgtrickle::translate
