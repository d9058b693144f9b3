/*
 * What statements of a refresh call for the value of a subquery that may return one row at most.
 */
#include "pg/boundary.hpp"

extern "C" {
PGDLLEXPORT Datum pgtrickle_only_row(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgtrickle_only_row);
}

/* PostgreSQL's own words. NULL rows: there was none. */
extern "C" Datum pgtrickle_only_row(PG_FUNCTION_ARGS)
{
    if (!PG_ARGISNULL(1) && PG_GETARG_INT64(1) > 1)
        ereport(ERROR, (errcode(ERRCODE_CARDINALITY_VIOLATION),
                        errmsg("more than one row returned by a subquery used as an expression")));
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}
