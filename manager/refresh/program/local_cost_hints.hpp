/*
 * What a process remembers of the refreshes of a stream table that it made, for AUTO: hints, of which nothing but speed depends.
 *
 * Kept in this process alone, beside what is compiled: that is made anew after each ANALYZE of a source, which changes
 * none of this. When there are many, all are forgotten.
 */
#pragma once

#include "pg/versions/postgres.hpp"

#include <map>
#include <memory>

namespace pgtrickle::refresh {

/* 0: unknown */
struct LocalCostHints {
    int64_t last_delta_us = 0;
    double base_rows = 0;  /* of the sources, when last asked for */
    double reading_us = 0; /* to read a changed row */
    std::map<Oid, double> net_shares; /* by source: what was left of many changes when they were summed, the last time */
    int unread_in_a_row = 0; /* full refreshes without having read the changes */

    double net_share(Oid source) const
    {
        auto found = net_shares.find(source);
        return found != net_shares.end() ? found->second : 0;
    }
};

std::shared_ptr<LocalCostHints> experience_of(Oid stream_table);

} // namespace pgtrickle::refresh
