/*
 * The values of a call of a function of VARIADIC "any": its arguments, or the columns of its only argument, if that
 * has type record. PostgreSQL limits the arguments of a call (FUNC_MAX_ARGS) more than the columns of ROW(…).
 *
 * All functions are PostgreSQL frames: they may raise errors.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/tupdesc.h"
#include "fmgr.h"
}

namespace pgtrickle::storage {

/* The types of the values of a call. */
struct ValueTypes {
    TupleDesc descriptor; /* has exactly the values that read_values() reads */
    uint64 row_type;      /* of the record that has them as columns, or 0: the arguments are the values */
};

/* Describes the values of the call: at most MaxTupleAttributeNumber. Allocates in the current context. */
ValueTypes describe_values(FunctionCallInfo fcinfo);
/* Whether a description of an earlier call at the same place applies: one call has a record, the next one another, or
 * NULL, which is a value and no row. */
bool is_described_by(FunctionCallInfo fcinfo, const ValueTypes &types);
/* Requires is_described_by(). */
void read_values(FunctionCallInfo fcinfo, const ValueTypes &types, Datum *values, bool *nulls);

} // namespace pgtrickle::storage
