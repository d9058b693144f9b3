/*
 * PostgreSQL's walkers and mutators of expression trees, with one signature in all versions: up to 15 the
 * callback is declared without parameters, which C++ takes to mean none. For PostgreSQL frames: the callbacks
 * are called from C and must not throw.
 *
 * Some functions that a query calls are in no expression of it: the planner adds the casts of set operations, frames of
 * windows have in_range functions, and clauses that sort or compare have operators. walk_calls() and
 * check_called_functions() find these, too.
 */
#pragma once

#include "pg/versions/walkers.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

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

/* Returns `node`, a column of an operand, as a set operation converts it to the type of its own column. */
::Node *coerced_column(::Node *node, Oid type, int32 typmod, Oid collation);

/* Returns the conversions that the set operations of this level do, each of a Var that represents the operand's
 * column and has its location; allocated in the current memory context. */
List *set_operation_casts(const Query *query);

/* Walks as walk_query() does, and walks the casts of the set operations, the clauses and the windows, too. */
bool walk_calls(Query *query, Walker walker, void *context);

/* Calls `check` as check_functions_in_node() does, also for a clause or a window. */
bool check_called_functions(::Node *node, check_function_callback check, void *context);

} // namespace pgtrickle
