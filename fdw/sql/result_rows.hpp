/*
 * The result of a set-returning SQL function, row by row.
 *
 * A row is built from left to right; the values are copied when it is added. All methods are for
 * C++ frames.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/execnodes.h"
}

#include <optional>
#include <string>
#include <vector>

namespace pgtrickle {

class Rows {
  public:
    /* Prepares `fcinfo` to return rows of its declared type. */
    explicit Rows(FunctionCallInfo fcinfo);

    Rows &text(const char *value);
    Rows &text(const std::string &value);
    Rows &text(const std::optional<std::string> &value);
    Rows &number(int64_t value);  /* bigint */
    Rows &integer(int32_t value); /* int */
    Rows &real(double value);     /* float8 */
    Rows &boolean(bool value);
    Rows &oid(Oid value);
    Rows &time(TimestampTz value); /* 0 is NULL */
    Rows &interval(const std::optional<int64_t> &microseconds);
    Rows &texts(const std::vector<std::string> &values); /* text[] */
    Rows &datum(Datum value);
    Rows &null();
    void add();

  private:
    Rows &push(Datum value, bool is_null);

    ReturnSetInfo *result_;
    std::vector<Datum> values_;
    std::vector<char> nulls_;
};

} // namespace pgtrickle
