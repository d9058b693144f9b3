/*
 * Objections: why a query cannot be kept incrementally. C++ frames; they throw PgError.
 */
#pragma once

#include "engine/program.hpp"
#include "pg/boundary.hpp"

namespace pgtrickle::translate {

/* Why a query cannot be kept incrementally; location is a byte in the query's text, -1 unknown. */
struct Objection : engine::Objection {
    int location = -1;
};

/* Raises 0A000 `unsupported operator for DIFFERENTIAL mode: <construct>` with why and what to do.
 * query_text, if not null, is what the location counts in; it becomes the cursor position. */
[[noreturn]] void raise_objection(const Objection &objection, const char *query_text);

} // namespace pgtrickle::translate
