/*
 * Messages to a session about a stream table that could not be refreshed: the reason, and how it can be
 * refreshed.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "fdw/read/freshness.hpp"

namespace pgtrickle {

/* Raises 55000 if a stream table is to be read but is not populated. */
void require_populated(Oid relid, const Freshness &freshness);

/* Applies pg_trickle.on_stale to a stream table that exceeds its maximum staleness and is to be read, by the
 * statement or by a refresh in this transaction; or notes it for an exact read (unrefreshed.hpp). */
void apply_on_stale(Oid relid, Obstacle obstacle);

/* Warns that the stream table, which was refreshed on request, has no changes that a suspended or held upstream lacks.
 */
void warn_of_late_upstream(Oid relid);

/* Warns that a refresh on request has left out a failing member of a refresh group. */
void warn_of_failed_member(Oid relid);

/* Warns that the stream table has not become fresh while a session waited for that. */
void warn_of_no_refresh(Oid relid, Obstacle obstacle);

} // namespace pgtrickle
