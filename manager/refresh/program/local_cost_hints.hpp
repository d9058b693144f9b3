/*
 * The measurements that a process remembers of its refreshes of a stream table, for AUTO: hints on which only
 * speed depends.
 *
 * They are kept by this process alone, apart from the compiled stream table, which is built again after each
 * ANALYZE of a source, while the hints stay valid. If there are too many, all are discarded.
 */
#pragma once

#include "pg/versions/postgres.hpp"

#include <map>
#include <memory>

namespace pgtrickle::refresh {

/* A value of 0 means unknown. */
struct LocalCostHints {
    int64_t last_delta_us = 0;
    double base_rows = 0;             /* number of rows of the sources when it was last determined */
    double reading_us = 0;            /* time to read a changed row */
    std::map<Oid, double> net_shares; /* by source: share of many changes left after summing, the last time */
    int unread_in_a_row = 0;          /* number of consecutive full refreshes that did not read the changes */

    double net_share(Oid source) const
    {
        auto found = net_shares.find(source);
        return found != net_shares.end() ? found->second : 0;
    }
};

std::shared_ptr<LocalCostHints> cost_hints_of(Oid stream_table);

} // namespace pgtrickle::refresh
