/*
 * The query that a nested scan runs over the storage, built as a tree and planned.
 *
 * Expressions of the outer query are translated: a column of the stream table becomes a column of the
 * storage, and an expression that the storage does not have (a column of another relation, a parameter)
 * becomes an external parameter of the nested query, whose value the outer scan computes. PostgreSQL frames.
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
    List *columns;        /* columns of the stream table that are the outputs, in order (integers) */
    List *parameters;     /* expressions for the external parameters 1, 2, … */
    const char *way = ""; /* of an exact query, for EXPLAIN */
    List *rows = NIL;     /* known rows of an exact query (KeptRow); there is no plan then */
};

/* The first entry of the range table of a nested query: the storage, or a subquery. */
struct NestedRows {
    RangeTblEntry *entry;
    const AttrNumber *columns; /* its column that is each column of the stream table */
};

/* Returns true if the nested query may evaluate `clause` instead of the outer scan: its value must not depend
 * on where it is evaluated. */
bool can_be_nested(RelOptInfo *rel, RestrictInfo *clause);

/* Returns true if the expression (may be null) has a parameter that may change between rescans. One of the statement
 * does not. */
bool has_changing_parameter(Node *expression);

/* Returns true if a rescan of the plan evaluates its external parameters again. Other plans may keep results (a sort,
 * partitions pruned at the start), because they track only parameters of the executor; they are started again. */
bool evaluates_parameters_again(const PlannedStmt *plan);

/* Excludes JIT from a plan that is started again for each row of an outer relation: each start would compile it. */
void exclude_jit_if_started_again(const NestedPlan &nested);

/* Completes `query` to SELECT `columns` FROM rows WHERE `clauses` ORDER BY `order`, and returns its parameters. */
List *complete_nested_query(Query *query, RelOptInfo *rel, const NestedRows &rows, List *columns, List *clauses,
                            const SortColumn *order = nullptr, int order_count = 0);

/* Plans SELECT `columns` FROM storage WHERE `clauses` ORDER BY `order`. `clauses` are RestrictInfos for which
 * can_be_nested() is true; `read_as` is that of storage_rte.hpp. */
NestedPlan plan_nested(RelOptInfo *rel, const ServedRelation *served, Oid read_as, List *columns, List *clauses,
                       const SortColumn *order, int order_count);

} // namespace pgtrickle
