/*
 * Rules and row-level security policies, by their OIDs: the catalogs record what these use, not what their relations
 * use. PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

namespace pgtrickle::definition {

/* Return the relation of the rule or policy, which the current command may have created; InvalidOid if there is no such
 * rule or policy. */
Oid relation_of_rule(Oid rule);
Oid table_of_policy(Oid policy);

} // namespace pgtrickle::definition
