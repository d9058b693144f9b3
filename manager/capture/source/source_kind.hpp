/*
 * The kinds of relations that a source can be, and their consequences for capture.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::capture {

/* Whether the relation can have capture triggers: stream tables and materialized views have logs only. */
bool is_table(Oid relid);

/* Whether a subscription writes to `relid`: its worker fires row triggers only. */
bool is_subscribed(Oid relid);

/* Returns why `source` cannot be captured, as the end of a sentence ("it is a foreign table"), in the current
 * memory context; nullptr if it can. */
const char *refusal(Oid source);

} // namespace pgtrickle::capture
