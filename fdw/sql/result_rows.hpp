/*
 * The result of a set-returning SQL function, row by row.
 *
 * A row is built from left to right, and its values are copied when it is added; the memory of those that are made here
 * is freed then, because a result may be too long for memory. PostgreSQL interprets a Datum by the type that the
 * function declares, so each value carries the type as which it was made, and add() raises XX000 if a column is
 * declared with another type. All methods are for C++ frames.
 */
#pragma once

#include "definition/state/extension_table.hpp"
#include "pg/boundary.hpp"

extern "C" {
#include "catalog/pg_type.h"
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

    Rows &text(const char *value); /* nullptr is NULL */
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
    Rows &datum(Datum value, Oid type);
    Rows &copy(const definition::TableRows &from, int row, int column);
    Rows &null();
    void add();

  private:
    Rows &push(Datum value, bool is_null, Oid type);
    template <class Make> Datum in_row(Make make);
    void require_declared_types() const;

    ReturnSetInfo *result_;
    MemoryContext row_; /* of the values of one row */
    std::vector<Datum> values_;
    std::vector<char> nulls_;
    std::vector<Oid> types_;
};

} // namespace pgtrickle
