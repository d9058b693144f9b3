/*
 * The defining query of a stream table: from its text to the query that is stored, and the settings recorded
 * with it.
 *
 * The settings on which a query depends are recorded when it is defined, as options of the stream table.
 * Every later analysis of its text, that of a dump included, takes place under the recorded ones, so the text
 * keeps its meaning.
 *
 * C++ frames, unless said otherwise; they throw PgError.
 */
#pragma once

#include "definition/definition.hpp"
#include "definition/options.hpp"
#include "definition/query/altered_columns.hpp"

namespace pgtrickle::setup {

/* Parses the query of `definition`, under its recorded settings if the text is a canonical one, otherwise under the
 * session's. `self` is the stream table, or InvalidOid before it exists. Raises what parse_query() raises,
 * and an error if no refresh mode accepts the query. */
definition::ParsedQuery parse_defining_query(const Definition &definition, bool is_canonical, Oid self);

/* Returns the query of `parsed` cast to the columns that the stream table has. Raises 42P16 or 42804 if it
 * does not fit. PostgreSQL frame. */
Query *fit_to_declared(Oid relid, const definition::ParsedQuery &parsed);

/* As fit_to_declared(), for another query of the stream table, which keeps the columns in their places; sets *changes
 * to what becomes of them. PostgreSQL frame. */
Query *fit_to_altered(Oid relid, const definition::ParsedQuery &parsed, definition::ColumnChanges *changes);

/* Returns the options that record the settings on which `query` depends, with their present values. */
std::vector<options::Option> recorded_settings(const Query *query);

/* Records the settings on which `query`, the stream table's own one, depends since something that it reads was
 * redefined. Settings that are recorded already keep their values. The caller holds AccessExclusive. */
void record_further_settings(Oid relid, const Query *query);

} // namespace pgtrickle::setup
