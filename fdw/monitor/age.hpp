/*
 * The age of a stream table's contents.
 */
#pragma once

#include "definition/state/state.hpp"

#include <optional>

namespace pgtrickle {

struct Age {
    /* No change is pending. The contents of a time-dependent stream table may be outdated nevertheless. */
    bool is_clean = false;
    /* The time as of which the contents are the query's answer; now if current; 0: unpopulated. */
    TimestampTz data_timestamp = 0;
    std::optional<int64_t> staleness_us; /* nothing: unpopulated */
    /* As staleness_us, without changes further upstream than upstreams that have schedules of their own; 0
     * also if its own schedule does not apply, because it waits for others. */
    int64_t own_staleness_us = 0;
    /* As own_staleness_us, by changes only: a result that differs without one is not counted. */
    int64_t own_unapplied_us = 0;
    TimestampTz pending_since = 0; /* start of staleness_us; 0: no change is pending */
};

/* Returns the age of a stream table, by the mailbox and the row of its state. C++ frame. */
Age age_of(Oid relid, const state::StateRow &row);

} // namespace pgtrickle
