/*
 * How the storage of a stream table is partitioned: the value of the option partition_by.
 *
 *     hour (column) | day (column) | month (column) | year (column)     ranges of time, in UTC
 *     RANGE (column, width)                                             ranges of an integer
 *     LIST (column, value, …)                                           a partition for each value
 *     HASH (column, …, modulus)
 *     none
 *
 * A column is an output column of the query. Its name, and the words, are case-insensitive unless the name is
 * quoted; a value is a quoted string, a number, true or false. Only the syntax is judged here: the storage
 * knows the columns and their types (storage/partitions.hpp).
 *
 * C++ frames.
 */
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pgtrickle {

enum class RangeUnit { none, hour, day, month, year, number };

/* The width of ranges that follow each other without a gap; `number` counts, for RangeUnit::number. */
struct RangeWidth {
    RangeUnit unit = RangeUnit::none;
    int64_t number = 0;
};

struct PartitionBy {
    enum class Strategy { none, range, list, hash };

    Strategy strategy = Strategy::none;
    std::vector<std::string> columns; /* one; several only for a hash */
    RangeWidth width;                 /* range */
    std::vector<std::string> values;  /* list */
    int modulus = 0;                  /* hash */

    bool is_partitioned() const { return strategy != Strategy::none; }
    /* The text that parse_partition_by() reads, in one form. */
    std::string text() const;
};

/* Storage has at most so many partitions: each one costs planning time, and locks of a statement that reads all. */
constexpr int most_partitions = 500;

/* Throws PgError (22023), with the position in the text, if the text has another form. */
PartitionBy parse_partition_by(const std::string &text);

} // namespace pgtrickle
