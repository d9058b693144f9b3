/*
 * A function that runs a statement up to a number of rows, as procedural languages other than PL/pgSQL can. Returns the
 * number of rows.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(run_limited);

Datum run_limited(PG_FUNCTION_ARGS)
{
    char *statement = text_to_cstring(PG_GETARG_TEXT_PP(0));
    int64 rows;
    SPI_connect();
    SPI_execute(statement, false, PG_GETARG_INT32(1));
    rows = SPI_processed;
    SPI_finish();
    PG_RETURN_INT64(rows);
}
