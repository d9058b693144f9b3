/*
 * Members that are skipped when others are refreshed: suspended ones, held ones, members that would read
 * a stream table that has no rows yet, and failing ones of a refresh group.
 *
 * Dependents of a skipped member use its rows as they are. But an atomic set is refreshed as a whole or not
 * at all: if one of its members is skipped, all are, and so are stream tables that read any of them, as in
 * the manager. Only a stream table that the request names and that has no rows yet is filled all the same: no
 * reader has seen a state of it. C++ frames; they throw PgError.
 */
#pragma once

#include "refresh/batch/batch.hpp"
#include "refresh/batch/holds.hpp"

namespace pgtrickle::refresh {

/* Removes suspended members and those that must be refreshed with them. If an owner's request names one of
 * the latter, raises 55000; a suspended stream table that it names is refreshed. Other requests find them in
 * batch.skipped.held. */
void exclude_suspended(Batch &batch, const BatchRequest &request);

/* The holds that exclude_held() has found, and what the members are computed from. */
struct HoldsOfBatch {
    scheduler::Holds holds;
    scheduler::Graph graph;
};

/* Removes held members in the same way, and those that would read a stream table without rows, which would
 * look empty. Uses the active snapshot: if it does not see a gate, it sees nothing that was written after the
 * gate was closed. Those that are refreshed under this snapshot apply the watermarks of the result. */
HoldsOfBatch exclude_held(Batch &batch, const BatchRequest &request);

/* If only a refresh group connects the member, whose refresh has failed, with those that the request names, removes it
 * in the same way, and returns true; a reader's request also does without an atomic set, whose members that it names
 * are in batch.skipped.beside_failed then. */
bool exclude_failed(Batch &batch, const BatchRequest &request, Oid relid);

/* Returns whether the request skips the stream table, by what is committed now. */
bool is_left_out(Oid relid, const BatchRequest &request);

/* Returns whether a refresh at the time of the snapshot, or now if that is null, would skip the stream table: its rows
 * stay as they are. `left_out`, if valid, is another stream table that is skipped. */
bool keeps_its_rows(Oid relid, Snapshot snapshot, Oid left_out = InvalidOid);

/* Returns why a stream table that is not held is not refreshed all the same: it is suspended, or it reads, or
 * is in an atomic set with, a stream table that is not refreshed. Empty if it is refreshed. */
HoldExplanation explain_inactive(Oid relid);

/* Returns the members of the atomic sets of the stream table and of its upstreams, without which it is not refreshed.
 */
std::vector<Oid> members_of_needed_sets(Oid relid);

} // namespace pgtrickle::refresh
