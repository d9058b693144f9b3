/*
 * Objections: the reasons why a query cannot be maintained by deltas. C++ frames; they throw PgError.
 */
#pragma once

#include "engine/program.hpp"
#include "pg/boundary.hpp"

namespace pgtrickle::translate {

/* The reason why a query cannot be maintained by deltas; `location` is a byte offset in the query's text, -1
 * if unknown. */
struct Objection : engine::Objection {
    int location = -1;
};

/* Raises 0A000 `unsupported operator for DIFFERENTIAL mode: <construct>` with the reason and a hint. The
 * location counts in `query_text`, if that is not null, and becomes the cursor position. */
[[noreturn]] void raise_objection(const Objection &objection, const char *query_text);

} // namespace pgtrickle::translate
