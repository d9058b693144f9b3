/* The versions of the catalog's schema. Pure C++. */
#pragma once

namespace pgtrickle::catalog {

constexpr int schema_version = 2;

/* The statements that lead from version `version` to the next; nullptr if there is no such
 * step. From 0 (an empty file) one step leads to schema_version. */
const char *migration_from(int version);

} // namespace pgtrickle::catalog
