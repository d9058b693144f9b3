/*
 * A family of aggregates: its meaning, how it is kept, why it might not be.
 *
 * families.cpp lists the families; the translator, the law test and the random queries of tests/property go by the
 * list. A new one is a file here and a line there. An aggregate that is a function of other families' states, such as
 * variance(), is no family: translate/query/aggregate_call.cpp composes its calls.
 */
#pragma once

#include "engine/operators/aggregates/group.hpp"

#include <span>

namespace pgtrickle::engine {

struct Family {
    /* The aggregate in pg_catalog; null for the family of all other aggregates. */
    const char *sql_name;
    /* Over the values that are not NULL, with their weights. A holistic call is never asked: its meaning
     * is the whole call's. */
    Value (*meaning)(const std::map<int64_t, int64_t> &values);
    Expression (*keep)(GroupBuilder &group, const AggregateCall &call);
    std::optional<Objection> (*objection)(const AggregateCall &call);
    /* How many of the random calls of the law test are of it, relative to the others. */
    int sampler_weight = 1;
    /* It can be called with `*`. */
    bool counts_rows = false;
    /* How often a value is there does not matter, nor does the order: min(DISTINCT x) is min(x). */
    bool is_idempotent = false;
};

std::span<const Family *const> families();
/* The family of the aggregate of pg_catalog with this name; null if it has none of its own. */
const Family *family_called(const std::string &sql_name);

/* The state that is the sum of `call`'s argument. */
int keep_sum(GroupBuilder &group, const AggregateCall &call, bool as_float8);
std::optional<Objection> objection_to_sum(const AggregateCall &call, const char *name);

} // namespace pgtrickle::engine
