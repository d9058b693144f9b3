/*
 * A family of aggregates: its meaning, how it is kept, why it might not be.
 */
#pragma once

#include "engine/operators/aggregates/group.hpp"

namespace pgtrickle::engine {

struct Family {
    const char *name;
    /* Over the values that are not NULL, with their weights; null for holistic calls, whose
     * meaning is the whole call's. */
    Value (*meaning)(const std::map<int64_t, int64_t> &values);
    Expression (*keep)(GroupBuilder &group, const AggregateCall &call);
    std::optional<Objection> (*objection)(const AggregateCall &call);
};

const Family &family_of(AggregateFamily family);
extern const Family count_family, sum_family, average_family, min_family, max_family, holistic_family;

/* The types that sums and averages know. */
enum class Kind { int2, int4, int8, numeric, float4, float8, money, interval, other };
Kind kind_of(const std::string &type);
/* The scale that every finite value of a type such as numeric(10,2) has. */
std::optional<int> declared_scale(const std::string &type);
/* The state that is the sum of `call`'s argument. */
int keep_sum(GroupBuilder &group, const AggregateCall &call, bool as_float8);
std::optional<Objection> objection_to_sum(const AggregateCall &call, const char *name);

} // namespace pgtrickle::engine
