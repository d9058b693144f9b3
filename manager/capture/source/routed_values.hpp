/*
 * Whether the transition tables of a statement show the values that partitions and children store.
 *
 * PostgreSQL keeps a row that it routes to a partition as it is before stored generated columns are computed, if the
 * partition's columns have other numbers than those of the relation that the statement names: transition tables show
 * NULL, or what another partition had stored, in these columns (ExecPrepareTupleRouting() and CopyFrom(), through
 * tcs_original_insert_tuple). If the columns have the same numbers, it does not convert rows of a child, and short
 * ones, which were written before a column was added, show the default that the relation that the statement names got
 * with the column (check_attrmap_match() asks for such defaults of the child only). Both were seen in PostgreSQL 15.
 *
 * A partition may compute a column of the key by which PostgreSQL routes rows to it (version 15; later ones refuse
 * that), so that the values that it stores are outside of its bounds, and say nothing of where the row is.
 *
 * A source whose log has such a column, or whose tree such a partition, is captured by rows (routing.hpp): its format
 * has the column tableoid then.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/pg_list.h"
}

namespace pgtrickle::capture {

/* Whether transition tables may show other values of the columns of `source` than what is stored. Locks nothing, and
 * waits for none. PostgreSQL frame. */
bool are_routed_values_wrong(Oid source, const AttrNumber *columns, int column_count);
/* Returns the whole tree of partitions around a relation, if one of them computes a column of its key, and otherwise
 * NIL. As above. */
List *tree_with_computed_key(Oid relid);

} // namespace pgtrickle::capture
