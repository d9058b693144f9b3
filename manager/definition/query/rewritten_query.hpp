/*
 * A query as PostgreSQL's rewriter returns it: views expanded, policies added. Every relation left in a range
 * table is read, and carries the columns read and the role as which they are read; a view leaves an entry of
 * its own behind, for its privileges.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "pg/walker.hpp"

namespace pgtrickle::definition {

/* Returns a rewritten copy of the SELECT `query`. Takes AccessShare on every relation. */
Query *rewritten(const Query *query);

/* Raises 42501 unless the current user may read all relations and columns that `query` reads. */
void check_read_privileges(const Query *query);

template <class Visit> bool visit_level(::Node *node, void *visit)
{
    if (node == nullptr)
        return false;
    if (IsA(node, Query)) {
        auto *query = reinterpret_cast<Query *>(node);
        (*static_cast<Visit *>(visit))(static_cast<const Query *>(query));
        return walk_query(query, visit_level<Visit>, visit, 0);
    }
    return walk_expression(node, visit_level<Visit>, visit);
}

/* Calls `visit` with each level of the query. */
template <class Visit> void visit_levels(Query *query, Visit visit)
{
    visit_level<Visit>(reinterpret_cast<::Node *>(query), &visit);
}

} // namespace pgtrickle::definition
