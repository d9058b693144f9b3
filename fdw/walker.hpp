/*
 * PostgreSQL's walkers and mutators of expression trees, with the types that C++ wants:
 * up to 15 they take functions without a prototype.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/nodeFuncs.h"
}

namespace pgtrickle {

using Walker = bool (*)(Node *, void *);
using Mutator = Node *(*)(Node *, void *);

#if PG_VERSION_NUM < 160000
inline bool walk_expression(Node *node, Walker walker, void *context)
{
    auto *untyped = reinterpret_cast<void (*)()>(walker);
    return expression_tree_walker(node, reinterpret_cast<bool (*)()>(untyped), context);
}
inline bool walk_query(Query *query, Walker walker, void *context, int flags)
{
    auto *untyped = reinterpret_cast<void (*)()>(walker);
    return query_tree_walker(query, reinterpret_cast<bool (*)()>(untyped), context, flags);
}
inline Node *mutate_expression(Node *node, Mutator mutator, void *context)
{
    auto *untyped = reinterpret_cast<void (*)()>(mutator);
    return expression_tree_mutator(node, reinterpret_cast<Node *(*)()>(untyped), context);
}
#else
inline bool walk_expression(Node *node, Walker walker, void *context)
{
    return expression_tree_walker(node, walker, context);
}
inline bool walk_query(Query *query, Walker walker, void *context, int flags)
{
    return query_tree_walker(query, walker, context, flags);
}
inline Node *mutate_expression(Node *node, Mutator mutator, void *context)
{
    return expression_tree_mutator(node, mutator, context);
}
#endif

} // namespace pgtrickle
