/*
 * What a defining query takes of its answer: ORDER BY … OFFSET … LIMIT, as pgt_stream_tables shows it.
 * C++ frame; throws PgError.
 */
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace pgtrickle {

/* All absent: the query takes all rows. A computed number is absent too. */
struct FirstRows {
    std::optional<int64_t> limit;
    std::optional<int64_t> offset;
    std::optional<std::string> order_by; /* without the words ORDER BY */
};

/* Of a canonical query, as PostgreSQL prints it. Cheap where the query has no such words. */
FirstRows first_rows_of(const std::string &query);

} // namespace pgtrickle
