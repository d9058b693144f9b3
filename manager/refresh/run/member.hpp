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

struct Member {
    Compiled *compiled;
    int level; /* 0: reads no other member; otherwise one more than the highest upstream's */
    state::StateRow state;
    std::string reinitialize_reason; /* set by the batch before the snapshot; empty: none */
    bool has_failed_delta = false;   /* the delta could not be computed from the values that it read */
    Outcome outcome;
};

/* Brings the member's arrangements to the active snapshot, which is the batch's own copy and whose command id
 * advances. Sets the action and the counts of member.outcome; the batch writes the state row. */
void refresh_member(Member &member);

} // namespace pgtrickle::refresh
