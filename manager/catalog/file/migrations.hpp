/*
 * The versions of the catalog's schema: the files manager/catalog/migrations/NNN_what.sql. Step N
 * leads from version N - 1 to N; an empty file goes through all of them, as does one of
 * an earlier release, in one transaction.
 *
 * To change the schema, add a file with the next number, and nothing else: it is found by wildcard.
 * A step that has landed is never edited (files exist that went through it). What the rest relies
 * on: tables are STRICT; rows of one PostgreSQL database have a column `database`, by which they are
 * forgotten with it (forget_some). Two steps of one number do not compile.
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
