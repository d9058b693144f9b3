/*
 * The queries that search for touched values (touched_values.hpp). C++ frames.
 */
#pragma once

#include "fdw/scan/query_shape.hpp"

extern "C" {
#include "access/tupdesc.h"
#include "utils/tuplestore.h"
}

#include <algorithm>
#include <string>
#include <vector>

namespace pgtrickle {

/* More values are not searched for: the defining query is run instead. */
constexpr int most_touched_values = 10000;

/* The logged rows of a changed table: the columns that a query for values reads. */
struct ChangedRows {
    Oid relid;
    std::vector<AttrNumber> columns;
    TupleDesc descriptor;
    Tuplestorestate *rows;
    int64 count;
    std::string name() const { return "changed_" + std::to_string(relid); }
    int number_of(AttrNumber column) const
    {
        return static_cast<int>(std::lower_bound(columns.begin(), columns.end(), column) - columns.begin()) + 1;
    }
};

struct Pending {
    std::vector<ChangedRows> changed;
    const ChangedRows *of(Oid relid) const
    {
        for (const ChangedRows &each : changed)
            if (each.relid == relid)
                return &each;
        return nullptr;
    }
};

/* Returns the query for the values of k that the logged rows join in the place of `changed`: one column, each value
 * once, and one value more than most_touched_values at most. Null: no condition connects `changed` with the table of k,
 * so that all values are touched. */
Query *query_for_values(const Shape &shape, const Column &column, const Pending &pending, const Reference &changed);

/* Returns the query for the values of k in the joins that query_for_values() searches, as if nothing were pending: the
 * defining query has these joins. query_for_values() is not null. */
Query *query_of_joins(const Shape &shape, const Column &column, const Reference &changed);

} // namespace pgtrickle
