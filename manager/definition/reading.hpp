/*
 * What a query reads, as PostgreSQL's rewriter sees it: views expanded, policies added. Every relation
 * left in a range table is read, and carries the columns read and the role they are read as; a
 * view leaves an entry of its own behind, for its privileges.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "pg/walker.hpp"

namespace pgtrickle::definition {

/* A rewritten copy of the SELECT `query`. Takes AccessShare on every relation. */
Query *rewritten(const Query *query);

/* Raises 42501 unless the current user may read all that `query` reads. */
void check_read_privileges(const Query *query);

template <class Visit> bool visit_range_table(::Node *node, void *visit)
{
    if (node == nullptr)
        return false;
    if (IsA(node, Query)) {
        auto *query = reinterpret_cast<Query *>(node);
        (*static_cast<Visit *>(visit))(query->rtable);
        return walk_query(query, visit_range_table<Visit>, visit, 0);
    }
    return walk_expression(node, visit_range_table<Visit>, visit);
}

/* Calls `visit` with the range table of each level of the query. */
template <class Visit> void visit_range_tables(Query *query, Visit visit)
{
    visit_range_table<Visit>(reinterpret_cast<::Node *>(query), &visit);
}

} // namespace pgtrickle::definition
