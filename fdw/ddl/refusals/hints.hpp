/*
 * Statements that PostgreSQL refuses for every foreign table, and for the key of a storage. For a stream table, its
 * error gets a hint with the alternative. PostgreSQL decides whether and when the statement is refused, also for lack
 * of privileges: the hint is added while its error is reported.
 *
 *   CREATE RULE, CREATE POLICY, COMMENT ON TABLE, REFRESH MATERIALIZED VIEW, REFERENCES, publications,
 *   ALTER COLUMN ... TYPE ... USING, DROP INDEX
 *
 * INSERT, UPDATE, DELETE and COPY are refused by fdw/scan/write_rejection. MERGE and TABLESAMPLE are refused by the
 * parser, which calls no function of an extension.
 */
#pragma once

#include "pg/hooks.hpp"

namespace pgtrickle {

/* Runs the statement; an entry of fdw/module.cpp for each kind above. PostgreSQL frame. */
void run_with_hint(const UtilityCall &call);

} // namespace pgtrickle
