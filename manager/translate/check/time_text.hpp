/*
 * Casts of text to a date or time.
 *
 * 'now' and 'today' have another meaning at each evaluation, without any captured change; the meaning of any
 * other text depends on settings only. A query with a cast of text to a date or time is therefore maintained
 * by deltas if the text is checked first: a refresh that finds a text with such a word raises an error.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
#include "nodes/primnodes.h"
}

namespace pgtrickle::translate {

Query *with_checked_time_texts(Query *query);

/* Whether the text that is cast is checked. */
bool has_checked_text(const CoerceViaIO *cast);

} // namespace pgtrickle::translate
