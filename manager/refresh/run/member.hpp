/*
 * The part of one stream table in a refresh: how its arrangements are brought to the batch's snapshot. The
 * batch (refresh.cpp) holds the locks and the snapshot. C++ frames; they throw PgError.
 */
#pragma once

#include "definition/state/state.hpp"
#include "refresh/program/compiled.hpp"
#include "refresh/request/audience.hpp"
#include "refresh/request/request.hpp"

namespace pgtrickle::refresh {

/* Where the computation of a member begins. Errors of expressions lead from each to the next: intermediate values of
 * rows are only among the changes as they are logged, and values that have left their source only among deltas. */
enum class ComputedFrom { logged_changes, net_changes, nothing };

struct Member {
    Compiled *compiled;
    int level;        /* 0: reads no other member; otherwise one more than the highest upstream's */
    bool is_left_out; /* it needs other heaps, but keeps its rows, because this refresh skips it */
    state::StateRow state;
    std::string reinitialize_reason; /* set by the batch before the snapshot; empty: none */
    ComputedFrom from = ComputedFrom::logged_changes;
    Outcome outcome;
};

/* Brings the member's arrangements to the active snapshot, which is the batch's own copy and whose command id
 * advances. Sets the action and the counts of member.outcome; the batch writes the state row. */
void refresh_member(Member &member);

/* Raises 40001: changes of a source of the stream table may be missing from its log, and the refresh is to be tried
 * again. */
[[noreturn]] void raise_capture_stopped(const Compiled &compiled);

} // namespace pgtrickle::refresh
