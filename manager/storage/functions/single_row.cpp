/*
 * The SQL function that checks, in statements of a refresh, that a scalar subquery returns at most one row.
 */
#include "pg/boundary.hpp"

extern "C" {
PGDLLEXPORT Datum pgtrickle_only_row(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgtrickle_only_row);
}

/* Returns the first argument, the subquery's value. The second argument is its number of rows, NULL if there
 * were none; if it exceeds one, raises PostgreSQL's own error. */
extern "C" Datum pgtrickle_only_row(PG_FUNCTION_ARGS)
{
    if (!PG_ARGISNULL(1) && PG_GETARG_INT64(1) > 1)
        ereport(ERROR, (errcode(ERRCODE_CARDINALITY_VIOLATION),
                        errmsg("more than one row returned by a subquery used as an expression")));
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}
