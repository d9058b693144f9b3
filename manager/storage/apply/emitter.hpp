/*
 * The receiver of the changes that apply makes: the arrangement's own delta.
 *
 * Invariant: the emitted rows are exactly those that were inserted (+1) and deleted (-1) in the arrangement's
 * output columns. Later steps read them from `store`; downstream stream tables read them from the change log
 * that `log` appends to. Either may be absent.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "executor/tuptable.h"
#include "utils/tuplestore.h"
}

namespace pgtrickle::storage {

struct BoundCheck;

struct Emitter {
    int output_count = 0;
    Tuplestorestate *store = nullptr; /* output columns, then pgt_weight */
    TupleDesc descriptor = nullptr;   /* descriptor of `store` */
    void *log = nullptr;
    void (*append_to_log)(void *log, const Datum *values, const bool *nulls, int weight) = nullptr;
    Datum *values = nullptr; /* scratch memory, output_count + 1 entries */
    bool *nulls = nullptr;
    BoundCheck *bound = nullptr; /* of inserted rows */
    int64 inserted = 0;
    int64 deleted = 0;
};

/* Emits the row whose output columns come first in `values` and `nulls`, with weight +1 or -1. Raises 23514 for an
 * inserted row that is not within the bound. PostgreSQL frame. */
void emit(Emitter *emitter, const Datum *values, const bool *nulls, int weight);

} // namespace pgtrickle::storage
