/*
 * Which columns of a source its change log has, by format version.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "capture/source/source_rows.hpp"

namespace pgtrickle::capture {

/* Gives the source a log whose current format has at least these columns, and tableoid where they have to be captured
 * by rows (routed_values.hpp). Returns whether changes were not logged before. The caller holds lock_capture(). */
bool ensure_log(Oid source, const AttrNumber *columns, int column_count);

/* Whether the columns still exist and have the types of the format. */
bool fits(Oid relid, const Format *format);

/* Gives the log a format that fits and writes a marker, after a column of `source` was dropped or has
 * changed its type. The way in which the source is captured stays. Takes lock_capture() if the log has
 * to change; the caller then holds AccessExclusive on the source. */
void refit(Oid source);

} // namespace pgtrickle::capture
