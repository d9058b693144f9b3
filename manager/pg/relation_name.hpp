/*
 * Names of relations. A relation that is not locked may be dropped between two look-ups, and a cached row may outlive
 * the schema: its names are looked up here, together. PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle {

/* Null if there is no such relation. */
struct RelationName {
    char *schema;
    char *name;
};
RelationName name_of_relation(Oid relation);

/* Returns the name in SQL: with its schema, and quoted where needed. Raises an error if there is no such relation. */
const char *quoted_relation_name(Oid relation);
/* As quoted_relation_name(); returns nullptr if there is no such relation. */
const char *quoted_name_if_exists(Oid relation);

} // namespace pgtrickle
