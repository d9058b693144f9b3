/*
 * Which sources are captured for a member of a batch: those that its owner may have captured and whose capture has
 * begun.
 *
 * Invariant: a member with a source that is not captured (pgt_dependency) is computed in full. When the source is
 * captured again, the member starts from nothing, under a snapshot that is taken after that.
 *
 * Any role may hold a lock of writers on a source, for which its capture has to wait. So a refresh waits for a limited
 * time, and is a full one without capture if that has not begun; the next refresh tries again.
 *
 * C++ frame; throws PgError.
 */
#pragma once

#include "refresh/run/member.hpp"

namespace pgtrickle::refresh {

/* Begins the capture of the sources of the member that have to be captured, repairs it, or ends it, as the privileges
 * of the owner and the decisions of the sources' owners require. The heaps stay those of the program, even if there are
 * no deltas: readers need not wait for other heaps. To be called with the sources locked, and before the snapshot is
 * taken. */
void follow_capture(Member &member);

} // namespace pgtrickle::refresh
