/*
 * The part of its answer that a defining query selects: ORDER BY … OFFSET … LIMIT, as pgt_stream_tables
 * shows it. C++ frame; throws PgError.
 */
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace pgtrickle {

/* If all are absent, the query selects all rows, or PostgreSQL cannot read its own text of the query. A computed number
 * is absent too. */
struct FirstRows {
    std::optional<int64_t> limit;
    std::optional<int64_t> offset;
    std::optional<std::string> order_by; /* without the words ORDER BY */
};

/* Returns the clauses of a canonical query, as PostgreSQL prints it. Cheap if the query does not contain such
 * keywords. */
FirstRows first_rows_of(const std::string &query);

} // namespace pgtrickle
