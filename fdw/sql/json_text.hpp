/*
 * JSON objects and arrays as results of SQL functions. Members stand in the order in which they are added.
 * C++ frames; they throw PgError.
 */
#pragma once

#include "pg/boundary.hpp"

#include <cstdint>
#include <string>

namespace pgtrickle {

class JsonObject {
  public:
    JsonObject &text(const char *name, const std::string &value);
    JsonObject &number(const char *name, int64_t value);
    /* As six_digits(). */
    JsonObject &real(const char *name, double value);
    JsonObject &object(const char *name, const JsonObject &value);
    JsonObject &null(const char *name);

    std::string written() const { return "{" + members_ + "}"; }

  private:
    JsonObject &add(const char *name, const std::string &value);
    std::string members_;
};

/* Returns six significant digits, which is enough for what is measured. */
std::string six_digits(double value);

/* Returns a jsonb value. */
Datum as_jsonb(const std::string &written);

} // namespace pgtrickle
