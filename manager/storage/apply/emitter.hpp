/*
 * Where apply tells what it changed: the arrangement's own delta.
 *
 * Invariant: the rows emitted are exactly those that came (+1) and went (-1) in
 * the arrangement's output columns. Later steps read them from `store`; downstream stream
 * tables read them from the change log that `log` appends to. Either may be absent.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "executor/tuptable.h"
#include "utils/tuplestore.h"
}

namespace pgtrickle::storage {

struct Emitter {
    int output_count = 0;
    Tuplestorestate *store = nullptr; /* output columns, then pgt_weight */
    TupleDesc descriptor = nullptr;   /* of `store` */
    void *log = nullptr;
    void (*append_to_log)(void *log, const Datum *values, const bool *nulls, int weight) = nullptr;
    Datum *values = nullptr; /* scratch, output_count + 1 */
    bool *nulls = nullptr;
    int64 inserted = 0;
    int64 deleted = 0;
};

/* Emits the row whose output columns lead `values`/`nulls`, with weight +1 or -1.
 * PostgreSQL frame. */
void emit(Emitter *emitter, const Datum *values, const bool *nulls, int weight);

} // namespace pgtrickle::storage
