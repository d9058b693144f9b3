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

/* Describes the values of the call: at most MaxTupleAttributeNumber. Allocates in the current context. */
TupleDesc describe_values(FunctionCallInfo fcinfo);
/* Whether a description of an earlier call at the same place applies: records may differ from call to call. */
bool is_described_by(FunctionCallInfo fcinfo, TupleDesc descriptor);
void read_values(FunctionCallInfo fcinfo, TupleDesc descriptor, Datum *values, bool *nulls);

} // namespace pgtrickle::storage
