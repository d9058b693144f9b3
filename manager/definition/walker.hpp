/*
 * PostgreSQL's tree walkers, called alike in all versions: until 15 the callback is declared
 * without parameters, which C++ reads as none. For PostgreSQL frames; callbacks must not throw.
 */
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include "nodes/nodeFuncs.h"
}

namespace pgtrickle::definition {

using Walker = bool (*)(::Node *, void *);

#if PG_VERSION_NUM >= 160000
inline tree_walker_callback for_core(Walker walker)
{
    return walker;
}
#else
inline bool (*for_core(Walker walker))()
{
    return reinterpret_cast<bool (*)()>(reinterpret_cast<void *>(walker));
}
#endif

inline bool walk(::Node *node, Walker walker, void *context)
{
    return expression_tree_walker(node, for_core(walker), context);
}

inline bool walk_query(Query *query, Walker walker, void *context, int flags)
{
    return query_tree_walker(query, for_core(walker), context, flags);
}

} // namespace pgtrickle::definition
