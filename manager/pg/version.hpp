/*
 * Where PostgreSQL's versions differ, and nowhere else.
 */
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
}

namespace pgtrickle {

/* Tree walkers took untyped function pointers before 16. */
using TreeMutator = Node *(*)(Node *, void *);
using TreeWalker = bool (*)(Node *, void *);

inline Node *mutate_expression(Node *node, TreeMutator mutator, void *context)
{
#if PG_VERSION_NUM < 160000
    return expression_tree_mutator(node, reinterpret_cast<Node *(*)()>(reinterpret_cast<void *>(mutator)), context);
#else
    return expression_tree_mutator(node, mutator, context);
#endif
}

inline bool walk_expression(Node *node, TreeWalker walker, void *context)
{
#if PG_VERSION_NUM < 160000
    return expression_tree_walker(node, reinterpret_cast<bool (*)()>(reinterpret_cast<void *>(walker)), context);
#else
    return expression_tree_walker(node, walker, context);
#endif
}

inline bool walk_query(Query *query, TreeWalker walker, void *context, int flags)
{
#if PG_VERSION_NUM < 160000
    return query_tree_walker(query, reinterpret_cast<bool (*)()>(reinterpret_cast<void *>(walker)), context, flags);
#else
    return query_tree_walker(query, walker, context, flags);
#endif
}

} // namespace pgtrickle
