/*
 * The segments of a change log: three heaps and their indexes on xid.
 *
 * A segment depends AUTO on its source and on the schema pg_trickle_log, so that it goes
 * with either. (An INTERNAL dependency would make DROP EXTENSION … CASCADE drop the
 * user's table.) It belongs to the schema's owner: nobody else can name it.
 * PostgreSQL frames.
 */
#pragma once

#include "capture/source/source_rows.hpp"

namespace pgtrickle::capture {

enum LogColumn { l_xid = 1, l_seq, l_n, l_version, l_data, l_overflow, l_count = l_overflow };

/* InvalidOid when the extension is not in this database. */
Oid log_namespace();
/* Creates the heaps, with index and overflow table, and fills row->segments. */
void create_segments(Oid source, SourceRow *row);
void drop_segments(const SourceRow *row);
void lock_segments(const SourceRow *row, LOCKMODE mode);
/* The one index of a segment. */
Oid index_of(Relation segment);

} // namespace pgtrickle::capture
