/*
 * Whether the transition tables of a statement show the values that partitions store.
 *
 * PostgreSQL keeps a row that it routes to a partition as it is before stored generated columns are computed, if the
 * partition's columns have other numbers than those of the relation that the statement names: transition tables show
 * NULL, or what another partition had stored, in these columns (ExecPrepareTupleRouting() and CopyFrom(), through
 * tcs_original_insert_tuple; seen in PostgreSQL 15 to 18). A source whose log has such a column is captured by rows
 * (routing.hpp): its format has the column tableoid then.
 *
 * PostgreSQL frame.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::capture {

/* Whether one of the columns (ascending) of `source` is stored as generated somewhere in its tree of partitions, and
 * the columns of the relations there have different numbers. Locks nothing, and waits for none. */
bool are_routed_values_incomplete(Oid source, const AttrNumber *columns, int column_count);

} // namespace pgtrickle::capture
