/*
 * How old a stream table's content is.
 */
#pragma once

#include "definition/state.hpp"

#include <optional>

namespace pgtrickle {

struct Age {
    bool is_clean = false;        /* nothing is pending; what moves by itself may be old all the same */
    TimestampTz data_timestamp = 0; /* its content is the query's answer as of then; now when current; 0: unpopulated */
    std::optional<int64_t> staleness_us; /* nothing: unpopulated */
};

/* C++ frame. */
Age age_of(Oid relid, const state::StateRow &row);

} // namespace pgtrickle
