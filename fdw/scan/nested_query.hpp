/*
 * The query that a nested scan runs over the storage, built as a tree and planned.
 *
 * Expressions of the outer query are translated: a column of the stream table becomes one
 * of the storage, and whatever the storage does not have (a column of another relation, a
 * parameter) becomes an external parameter of the nested query, whose value the outer scan
 * computes. PostgreSQL frames.
 */
#pragma once

#include "fdw/scan/served_relation.hpp"

extern "C" {
#include "nodes/pathnodes.h"
#include "nodes/plannodes.h"
}

namespace pgtrickle {

/* A column of the stream table to order by. */
struct SortColumn {
    AttrNumber column;
    Oid less_than; /* the ordering operator: < or > */
    Oid equals;
    bool nulls_first;
};

struct NestedPlan {
    PlannedStmt *plan;
    List *columns;    /* column of the stream table that the k-th output is (integers) */
    List *parameters; /* expressions for the external parameters 1, 2, … */
};

/* Whether `clause` may be evaluated by the nested query instead of the outer scan: its
 * value must not depend on where that happens. */
bool can_be_nested(RelOptInfo *rel, RestrictInfo *clause);

/* SELECT `columns` FROM storage WHERE `clauses` ORDER BY `order`.
 * `clauses` are RestrictInfos that can_be_nested; `read_as` is that of storage_rte.hpp. */
NestedPlan plan_nested(RelOptInfo *rel, const ServedRelation *served, Oid read_as, List *columns, List *clauses,
                       const SortColumn *order, int order_count);

} // namespace pgtrickle
