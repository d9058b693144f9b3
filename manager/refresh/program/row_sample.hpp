/*
 * How many different values a column of rows in memory has, estimated from a sample.
 *
 * The statistics of the source do not say: sixty thousand changed lines of orders have fifteen thousand orders or
 * sixty thousand, as whole orders or single lines were changed. Up to 16,384 rows are read, in blocks that are spread
 * evenly over all rows. The values in b blocks are taken to be proportional to a power of b (Heaps' law): the exponent
 * is 0 if each block has all of them, and 1 if no two blocks have one in common.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "access/tupdesc.h"
#include "utils/tuplestore.h"
}

namespace pgtrickle::refresh {

struct ColumnSample {
    double distinct;   /* values in all rows, NULL left out */
    double null_share; /* of the rows */
};

/* `count` is the number of the rows. Reads by `pointer`, a read pointer of `rows`; then pointer 0 is the active one.
 * PostgreSQL frame. */
ColumnSample sample_column(Tuplestorestate *rows, int pointer, TupleDesc descriptor, AttrNumber column, double count);

} // namespace pgtrickle::refresh
