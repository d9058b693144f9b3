/*
 * The segments of a change log: three heaps and their indexes on the xids of the rows that have an entry (anchor.hpp).
 *
 * A segment depends AUTO on its source and on the schema pg_trickle_log, so that it is dropped with either.
 * (With an INTERNAL dependency, DROP EXTENSION … CASCADE would drop the user's table.) It belongs to the
 * owner of the schema, and no other role has access to the schema. PostgreSQL frames.
 */
#pragma once

#include "capture/source/source_rows.hpp"

namespace pgtrickle::capture {

enum LogColumn { l_xid = 1, l_seq, l_n, l_version, l_indexed, l_data, l_overflow, l_count = l_overflow };

/* Returns InvalidOid if the extension is not installed in this database. */
Oid log_namespace();
/* Creates the heaps, each with index and TOAST table, and fills row->segments. */
void create_segments(Oid source, SourceRow *row);
void drop_segments(const SourceRow *row);
void lock_segments(const SourceRow *row, LOCKMODE mode);
/* Returns the relfilenode of a segment, which is locked. */
Oid file_of(Oid segment);
/* Opens the indexes into which a row of the segment is to be inserted: that on xid, and the copies that REINDEX
 * CONCURRENTLY makes of it, or has left. */
Relation *open_indexes(Relation segment, int *count);
/* Returns the index by which all rows of the segment are found. */
Oid index_of(Relation segment);
/* Returns the copies that REINDEX CONCURRENTLY makes, or has left, of the indexes of the segment and its TOAST table.
 */
List *left_indexes(Oid segment);
void drop_indexes(const List *indexes);

} // namespace pgtrickle::capture
