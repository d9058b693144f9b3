/*
 * How old a stream table's content is.
 */
#pragma once

#include "definition/state/state.hpp"

#include <optional>

namespace pgtrickle {

struct Age {
    bool is_clean = false;        /* nothing is pending; what moves by itself may be old all the same */
    TimestampTz data_timestamp = 0; /* its content is the query's answer as of then; now when current; 0: unpopulated */
    std::optional<int64_t> staleness_us; /* nothing: unpopulated */
    int64_t own_staleness_us = 0; /* the same without what is below upstreams that keep a pace of their own; 0: nor is it for its schedule to say */
    TimestampTz pending_since = 0; /* what staleness_us is counted from; 0: nothing is pending */
};

/* C++ frame. */
Age age_of(Oid relid, const state::StateRow &row);

} // namespace pgtrickle
