/*
 * A family of aggregates: its meaning, the states that keep it, and its objections.
 *
 * families.cpp lists the families; the translator, the law test and the random queries of tests/property use
 * the list. A new family is a file here and a line there. An aggregate that is an expression over a few
 * calls of families, such as variance(), is not a family: translate/query/aggregate_call.cpp composes the calls.
 */
#pragma once

#include "engine/operators/aggregates/group.hpp"

#include <span>

namespace pgtrickle::engine {

struct Family {
    /* Name of the aggregate in pg_catalog; null for the family of all other aggregates. */
    const char *sql_name;
    /* Evaluates the aggregate over the values that are not NULL, with their weights. Not called for a
     * holistic call, whose meaning is that of the whole call. */
    Value (*meaning)(const std::map<int64_t, int64_t> &values);
    /* Adds the states that keep the call, and returns its value. The law test passes calls of every kind, also
     * those that objection() refuses. Its own evaluator (tests/law/toy.hpp) must know the SQL that is used. */
    Expression (*keep)(GroupBuilder &group, const AggregateCall &call);
    /* Returns why the call cannot be kept by states: groups with such a call are recomputed. */
    std::optional<Objection> (*objection)(const AggregateCall &call);
    /* Relative frequency of the family among the random calls of the law test. */
    int sampler_weight = 1;
    /* Whether it can be called with `*`. */
    bool counts_rows = false;
    /* Whether the weights and the order of values do not matter: min(DISTINCT x) is min(x). */
    bool is_idempotent = false;
};

std::span<const Family *const> families();
/* Returns the family of the aggregate of pg_catalog with this name; null if it has none of its own. */
const Family *family_called(const std::string &sql_name);

/* Adds the state that is the sum of `call`'s argument; returns its number. */
int keep_sum(GroupBuilder &group, const AggregateCall &call, bool as_float8);
std::optional<Objection> objection_to_sum(const AggregateCall &call, const char *name);

} // namespace pgtrickle::engine
