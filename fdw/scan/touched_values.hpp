/*
 * Touched values: which rows of a storage pending changes can concern.
 *
 * Let k be an output column of the defining query that is a column of one of its tables, as it is, and by which the
 * query can be cut into independent parts: a column of its groups, of its DISTINCT, of each PARTITION BY, or any column
 * if it has none of these. Let T contain the value of k of each row that the pending changes can add to the result,
 * remove from it or change. Then the rows of the stream table are
 *
 *     the stored rows with k not in T, and the rows of the defining query with k in T.
 *
 * T may be too large, never too small. A change of the table of k concerns the values of k in its changed rows. A
 * change of another table concerns the values of k in the rows that the changed rows join: both as they are now and as
 * they were, so every changed table counts with its present rows and all of its logged ones. Joins on the NULL side of
 * a LEFT JOIN count as inner joins if the change is there, and are left out otherwise. A condition is used only if it
 * is leakproof, so that it cannot fail on rows that never met, and left out where a row of NULLs may satisfy it.
 */
#pragma once

#include "fdw/scan/served_relation.hpp"

extern "C" {
#include "nodes/parsenodes.h"
#include "utils/snapshot.h"
}

namespace pgtrickle {

struct TouchedValues {
    int output = 0; /* number of k among the outputs of the defining query */
    Oid equals = InvalidOid;
    Oid type = InvalidOid; /* of the operands of `equals` */
    List *values = NIL;    /* Consts that are not NULL */
    bool has_null = false;
    Oid table = InvalidOid;
    AttrNumber column = 0; /* k in its table */
    Oid collation = InvalidOid;
    bool is_read_once = false; /* the query refers to the table once */
    bool is_indexed = false;   /* k is the first column of an index of its table */
    bool is_empty() const { return values == NIL && !has_null; }
};

/* Sets `touched` to the column k, without values, and returns true; or returns false if the query has no such column.
 * `query` is the analysed defining query, whose tables are locked; `outputs` are those of its outputs that k is one of,
 * null for any. PostgreSQL frame. */
bool find_touched_column(const Query *query, const Bitmapset *outputs, TouchedValues *touched);

/* Sets `touched` to the values that changes pending under the snapshot concern, and returns true; or returns false
 * if the query has no such column, a source no such log, or the changes are many. `query` and `outputs` are as above.
 * Its answer depends on captured changes only, the storage is the one that the snapshot sees, and the snapshot shows
 * its tables as their logs do, also later, because they are locked. Runs with the rights of the stream table's owner,
 * in which the caller is. PostgreSQL frame.
 */
bool find_touched_values(Oid relid, const Query *query, Snapshot snapshot, const Bitmapset *outputs,
                         TouchedValues *touched);

} // namespace pgtrickle
