/*
 * The versions of the catalog's schema: the files manager/catalog/migrations/NNN_what.sql. Step N leads from
 * version N - 1 to N. An empty file passes through all steps, a file of an earlier release through the
 * missing ones, in one transaction.
 *
 * To change the schema, add a file with the next number, and nothing else: it is found by wildcard. A step
 * that has been released is never edited, since there are files that passed through it. Other code relies on
 * two rules: tables are STRICT, and rows of one PostgreSQL database have a column `database`, by which they
 * are removed with the database (forget_some()). Two steps with the same number do not compile. A
 * release adds its own file to tests/unit/catalog_versions/.
 *
 * Pure C++.
 */
#pragma once

namespace pgtrickle::catalog {

/* The version this release reads and writes. */
int schema_version();
/* The statements of step `version`, 1 to schema_version(). */
const char *migration_to(int version);

} // namespace pgtrickle::catalog
