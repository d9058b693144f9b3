/*
 * The planner's paths and expressions. PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "optimizer/appendinfo.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
}

namespace pgtrickle {

/* Returns `node` of `query` with Vars of joins replaced by Vars of their relations. */
inline ::Node *without_join_aliases(Query *query, ::Node *node)
{
#if PG_VERSION_NUM < 160000
    return flatten_join_alias_vars(query, node);
#else
    return flatten_join_alias_vars(nullptr, query, node);
#endif
}

/* Since 18, an entry of the range table stands for the grouped expressions, and Vars refer to it. */
inline bool is_group_entry([[maybe_unused]] const RangeTblEntry *entry)
{
#if PG_VERSION_NUM < 180000
    return false;
#else
    return entry->rtekind == RTE_GROUP;
#endif
}

inline ::Node *without_group_aliases([[maybe_unused]] Query *query, ::Node *node)
{
#if PG_VERSION_NUM < 180000
    return node;
#else
    return flatten_group_exprs(nullptr, query, node);
#endif
}

/* Since 18, the parser finds the keys of a grouping that an expression contains: the first in GROUP BY of equal ones.
 * Before, the planner does: the first in the target list. A constant is none of them. */
constexpr bool are_keys_found_by_parser = PG_VERSION_NUM >= 180000;

/* For a query whose grouping has been removed. */
inline void clear_group_entry([[maybe_unused]] Query *query)
{
#if PG_VERSION_NUM >= 180000
    query->hasGroupRTE = false;
#endif
}

inline Path *foreign_path(PlannerInfo *root, RelOptInfo *rel, double rows, Cost startup, Cost total, List *pathkeys,
                          Relids outer, List *kept)
{
    ForeignPath *path = create_foreignscan_path(root, rel, nullptr, rows,
#if PG_VERSION_NUM >= 180000
                                                0,
#endif
                                                startup, total, pathkeys, outer, nullptr,
#if PG_VERSION_NUM >= 170000
                                                NIL,
#endif
                                                kept);
    return &path->path;
}

/* Since 18, a clause states itself whether it sorts in reverse order. */
inline void set_reversed([[maybe_unused]] SortGroupClause *clause, [[maybe_unused]] bool is_reverse)
{
#if PG_VERSION_NUM >= 180000
    clause->reverse_sort = is_reverse;
#endif
}

/* Returns the pathkeys of an expression over one relation, sorted by `operation`; NIL if no query needs that
 * order. */
inline List *known_pathkeys(PlannerInfo *root, Expr *expression, Oid operation, Relids relids)
{
#if PG_VERSION_NUM < 160000
    return build_expression_pathkey(root, expression, nullptr, operation, relids, false);
#else
    return build_expression_pathkey(root, expression, operation, relids, false);
#endif
}

/* Translates `node`, an expression over the topmost parent of `child`, to the columns of `child`. */
inline ::Node *adjust_to_child(PlannerInfo *root, ::Node *node, RelOptInfo *child)
{
#if PG_VERSION_NUM < 160000
    return adjust_appendrel_attrs_multilevel(root, node, child->relids, child->top_parent_relids);
#else
    return adjust_appendrel_attrs_multilevel(root, node, child, child->top_parent);
#endif
}

} // namespace pgtrickle
