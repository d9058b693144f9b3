/*
 * Which roles may have the changes of a source captured.
 *
 * Capture puts triggers on every relation whose statements change the source: on the source, its ancestors, partitions
 * and children (related_relations). The owner of the stream table needs the TRIGGER privilege on each, as CREATE TRIGGER does, unless
 * pg_trickle.capture_privilege is 'select'. It is asked again at each refresh whose answer may have changed; a partition that has
 * come since its root was captured follows its root, as row triggers do. What needs no trigger (stream tables, foreign tables, materialized
 * views, whose REFRESH writes the log) needs no privilege.
 *
 * The owner of a relation may stop the capture of it (pgt_stopped_capture): that binds all, superusers included, until it is
 * allowed again. A source that may not be captured for a stream table is not captured for it, whatever is logged for others.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::capture {

struct Denial {
    Oid relation;    /* InvalidOid: `role` may have the source captured */
    bool is_stopped; /* its owner has stopped that; else it is the TRIGGER privilege on it that `role` lacks */

    explicit operator bool() const { return OidIsValid(relation); }
};

/* Some look-ups in the syscache and in pg_inherits. Takes no lock. `is_captured`: it is captured for a stream table of this role,
 * which asks whether it may go on: not for partitions of the source. */
Denial denial_of(Oid source, Oid role, bool is_captured = false);

/* Whether the owner of this very relation has stopped its capture. */
bool is_stopped(Oid relation);

/* Whether that of `source` is stopped, by the owner of any relation that it is captured at. */
bool is_capture_stopped(Oid source);

/* What denial_of() looks at: an invalidation of any of these may change its answer. */
List *relations_asked(Oid source);

} // namespace pgtrickle::capture
