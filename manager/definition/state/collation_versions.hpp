/*
 * The versions of collations under which stored rows were computed. The operating system and ICU bring collations with
 * them: a server that is started on newer ones, or restored beside them, may order and convert the same texts in
 * another way.
 *
 * Invariant: rows are never continued that were computed under another version of a collation that their query uses.
 * The next refresh builds the heaps and their indexes again, and starts from nothing. A process has one version of each
 * collation as long as it lives.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/pg_list.h"
}

namespace pgtrickle::state {

/* Returns the present versions of the collations (List of OIDs), as text in the current memory context: "OID version,
 * …", without those that have no version, as "C" and the collations of some operating systems. PostgreSQL frame. */
char *versions_of_collations(const List *collations);

/* Whether all collations have the versions of such a text still. PostgreSQL frame. */
bool are_present_versions(const char *versions);

} // namespace pgtrickle::state
