/*
 * Recommends a refresh mode, from the times of past refreshes. Pure C++.
 */
#pragma once

#include "scheduler/cost/refresh_mode.hpp"

#include <cstdint>
#include <string>

namespace pgtrickle::scheduler {

/* Measurements of a stream table. */
struct Signals {
    RefreshMode configured = RefreshMode::automatic;
    std::string objection;                         /* why it cannot be maintained by deltas; empty: it can be */
    int64_t deltas = 0, fulls = 0, fills = 0;      /* completed; a fill is not counted as a full refresh */
    double delta_us = 0, full_us = 0, fill_us = 0; /* averages */
    double longest_delta_us = 0;
    double changed_rows = 0; /* of all sources, average of a delta */
    double base_rows = 0;    /* of the sources; 0: unknown */
    double written_rows = 0; /* rows of the stream table that a full refresh writes, on average */
    double stored_rows = 0;  /* of the stream table; 0: unknown */

    /* Average time of a full refresh, or of the fill if there was none; 0: neither was measured. */
    double full_or_fill_us() const { return fulls > 0 ? full_us : fill_us; }
    /* Changed rows of a delta, as a share of the rows of the sources; 0: unknown. */
    double change_ratio() const { return base_rows > 0 ? changed_rows / base_rows : 0; }
};

struct Recommendation {
    RefreshMode mode;
    std::string confidence; /* high, medium, low */
    std::string reason;
};

Recommendation recommend(const Signals &signals);

} // namespace pgtrickle::scheduler
