/*
 * Which roles may have the changes of a source captured.
 *
 * Capture creates triggers on every relation through which statements change the source: on the source, its
 * ancestors, partitions and children (related_relations()). The owner of the stream table needs the TRIGGER
 * privilege on each, as CREATE TRIGGER does, unless pg_trickle.capture_privilege is 'select'. The privilege
 * is checked again at each refresh for which the answer may have changed; a partition that was added after
 * its root was captured follows its root, as row triggers do. Sources without triggers (stream tables,
 * foreign tables, materialized views, where REFRESH writes the log) need no privilege.
 *
 * The owner of a relation may stop its capture (pgt_stopped_capture). This applies to all roles, superusers
 * included, until capture is allowed again. A source that may not be captured for a stream table is not
 * captured for it, even if its changes are logged for others.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::capture {

struct Denial {
    Oid relation;    /* InvalidOid if `role` may have the source captured */
    bool is_stopped; /* capture stopped by the relation's owner; otherwise `role` lacks TRIGGER on it */

    explicit operator bool() const { return OidIsValid(relation); }
};

/* Costs some look-ups in the syscache and in pg_inherits; takes no lock. `is_captured` says that the source
 * is captured for a stream table of this role already; partitions of the source are then not checked. */
Denial denial_of(Oid source, Oid role, bool is_captured = false);

/* Whether the owner of this relation has stopped its capture. */
bool is_stopped(Oid relation);

/* Whether the capture of `source` is stopped, by the owner of any relation at which it is captured. */
bool is_capture_stopped(Oid source);

/* The relations that denial_of() checks: an invalidation of any of them may change its answer. */
List *relations_checked(Oid source);

} // namespace pgtrickle::capture
