/*
 * One stream table's part in a refresh: which way its arrangements are brought to the
 * group's snapshot. The group (refresh.cpp) holds the locks and the snapshot.
 * C++ frames; they throw PgError.
 */
#pragma once

#include "definition/state/state.hpp"
#include "refresh/request/audience.hpp"
#include "refresh/program/compiled.hpp"
#include "refresh/request/request.hpp"

namespace pgtrickle::refresh {

struct Member {
    Compiled *compiled;
    int level; /* 0: reads no stream table; else one more than the highest upstream's */
    state::StateRow state;
    std::string reinitialize_reason; /* not empty: what the group found out before the snapshot */
    bool has_failed_delta = false; /* its delta could not be computed of the values at hand */
    Outcome outcome;
};

/* Brings the member's arrangements to the active snapshot, which is the group's own copy and
 * whose command id moves on. Sets member.outcome's action and counts; the group writes the
 * state row. */
void refresh_member(Member &member);

} // namespace pgtrickle::refresh
