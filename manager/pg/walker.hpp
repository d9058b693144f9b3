/*
 * PostgreSQL's walkers and mutators of expression trees, called alike in all versions: until
 * 15 the callback is declared without parameters, which C++ reads as none. For PostgreSQL
 * frames: the callbacks are called from C and must not throw.
 */
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include "nodes/nodeFuncs.h"
}

namespace pgtrickle {

using Walker = bool (*)(::Node *, void *);
using Mutator = ::Node *(*)(::Node *, void *);

#if PG_VERSION_NUM < 160000
/* The way over void (*)() tells the compiler that this is meant. */
inline bool (*for_core(Walker walker))()
{
    return reinterpret_cast<bool (*)()>(reinterpret_cast<void (*)()>(walker));
}
inline ::Node *(*for_core(Mutator mutator))()
{
    return reinterpret_cast<::Node *(*)()>(reinterpret_cast<void (*)()>(mutator));
}
#else
inline Walker for_core(Walker walker)
{
    return walker;
}
inline Mutator for_core(Mutator mutator)
{
    return mutator;
}
#endif

inline bool walk_expression(::Node *node, Walker walker, void *context)
{
    return expression_tree_walker(node, for_core(walker), context);
}

inline bool walk_query(Query *query, Walker walker, void *context, int flags)
{
    return query_tree_walker(query, for_core(walker), context, flags);
}

/* A raw parse tree. */
inline bool walk_raw(::Node *node, Walker walker, void *context)
{
    return raw_expression_tree_walker(node, for_core(walker), context);
}

inline ::Node *mutate_expression(::Node *node, Mutator mutator, void *context)
{
    return expression_tree_mutator(node, for_core(mutator), context);
}

} // namespace pgtrickle
