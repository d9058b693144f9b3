/*
 * Texts that are read as times.
 *
 * 'now' and 'today' mean another time each time, and nobody hears of it; any other text means the same for as long as
 * the settings do. So a cast of text to a date or time is kept, of a text that is looked at first: one that moves is an
 * error of the refresh that finds it.
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

Query *with_resting_texts(Query *query);

/* Whether the text that is cast is looked at. */
bool is_of_resting_text(const CoerceViaIO *cast);

} // namespace pgtrickle::translate
