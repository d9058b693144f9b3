/*
 * The bound of a stream table that is a partition.
 *
 * Invariant: every stored row of a stream table that is attached as a partition satisfies the partition constraint.
 * PostgreSQL relies on it when it prunes partitions, and checks it for tables only. So the stored rows are verified
 * when the stream table is attached, and each row that a refresh adds: a refresh that would store another row fails,
 * and the contents stay as they were. An exact read fails that would return one. The same holds for a stream table that
 * is the default partition when another partition takes a part of its bound.
 *
 * The expressions of a partition key may call functions of a user. Where rows are added or read exactly, they run with
 * the rights of the owner of the stream table in a restricted operation, and where a statement attaches a partition,
 * as those of PostgreSQL's own partitions, with the rights of its user. PostgreSQL frames.
 */
#pragma once

#include "pg/hooks.hpp"

extern "C" {
#include "access/attnum.h"
#include "nodes/bitmapset.h"
}

namespace pgtrickle::storage {

struct BoundCheck;

/* Returns the check of rows of the stream table, in the current memory context; null if it is no partition. */
BoundCheck *begin_bound_check(Oid stream_table);
/* Raises 23514 unless the row, given by the live columns of the stream table, satisfies the partition constraint. */
void check_bound(BoundCheck *check, const Datum *values, const bool *nulls);
/* Likewise for a row given by these columns (attribute numbers), which include columns_of_bound(). */
void check_bound(BoundCheck *check, const AttrNumber *columns, int count, const Datum *values, const bool *nulls);

/* Returns the columns that the keys of its ancestors read, as members of pull_varattnos(); none if it is no partition.
 * The keys are not evaluated, as they would be in the relation cache. */
Bitmapset *columns_of_bound(Oid stream_table);

/* Entry of fdw/module.cpp, after ALTER TABLE and CREATE TABLE: verifies the stored rows of stream tables that the
 * statement has given another bound. Raises 23514. */
void verify_bounds(const UtilityCall &call);

} // namespace pgtrickle::storage
