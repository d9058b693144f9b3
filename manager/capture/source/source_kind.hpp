/*
 * What kind of relation a source is, and what follows for its capture.
 * PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::capture {

/* What can have them: stream tables and materialized views that are read have logs alone. */
bool is_table(Oid relid);

/* Whether a subscription writes to `relid`: its worker fires row triggers only. */
bool is_subscribed(Oid relid);

/* Why `source` cannot be captured, as the end of a sentence ("it is a foreign table"), in
 * the current memory context; nullptr if it can. */
const char *refusal(Oid source);

} // namespace pgtrickle::capture
