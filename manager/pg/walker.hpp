/*
 * PostgreSQL's walkers and mutators of expression trees, with one signature in all versions: up to 15 the
 * callback is declared without parameters, which C++ takes to mean none. For PostgreSQL frames: the callbacks
 * are called from C and must not throw.
 */
#pragma once

#include "pg/versions/walkers.hpp"

namespace pgtrickle {

inline bool walk_expression(::Node *node, Walker walker, void *context)
{
    return expression_tree_walker(node, for_core(walker), context);
}

inline bool walk_query(Query *query, Walker walker, void *context, int flags)
{
    return query_tree_walker(query, for_core(walker), context, flags);
}

/* Walks a raw parse tree. */
inline bool walk_raw(::Node *node, Walker walker, void *context)
{
    return raw_expression_tree_walker(node, for_core(walker), context);
}

inline ::Node *mutate_expression(::Node *node, Mutator mutator, void *context)
{
    return expression_tree_mutator(node, for_core(mutator), context);
}

} // namespace pgtrickle
