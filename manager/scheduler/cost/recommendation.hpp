/*
 * Which refresh mode what refreshes took so far speaks for. Pure C++.
 */
#pragma once

#include "scheduler/cost/refresh_mode.hpp"

#include <cstdint>
#include <string>

namespace pgtrickle::scheduler {

/* Of a stream table. */
struct Signals {
    RefreshMode configured = RefreshMode::automatic;
    std::string objection; /* why it cannot be kept by deltas; empty: it can */
    int64_t deltas = 0, fulls = 0, fills = 0; /* completed; fills are no fulls */
    double delta_us = 0, full_us = 0, fill_us = 0; /* on average */
    double dearest_delta_us = 0;
    double changed_rows = 0; /* of sources a delta, on average */
    double base_rows = 0;    /* of the sources; 0: unknown */
    double written_rows = 0; /* of the stream table a full refresh, on average */
    double stored_rows = 0;  /* of the stream table; 0: unknown */

    /* Full refreshes, or a first fill where there was none; 0: neither. */
    double from_nothing_us() const { return fulls > 0 ? full_us : fill_us; }
    /* Changed rows a delta, of those of the sources; 0: unknown. */
    double change_ratio() const { return base_rows > 0 ? changed_rows / base_rows : 0; }
};

struct Recommendation {
    RefreshMode mode;
    std::string confidence; /* high, medium, low */
    std::string reason;
};

Recommendation recommend(const Signals &signals);

} // namespace pgtrickle::scheduler
