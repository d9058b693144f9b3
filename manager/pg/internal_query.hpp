/*
 * Parse analysis of the SQL that this extension prints.
 *
 * Invariant: analysis runs no code of a user, and needs no privilege that the owner of the stream table lacks.
 *
 *   - A value of a type that a user can influence never stands in the text: a literal of an array, composite, range or
 *     enum type would call input functions, and those of a domain evaluate its CHECK. Such a constant is `$n`, and
 *     analysis puts the Const node there that the user's own statement was analyzed to. A literal of any other type
 *     than the scalar built-in ones is refused.
 *   - Relations and types are found by their qualified names in the system caches, without the USAGE privilege on
 *     their schema: the defining query has named them before. Relations have no privileges to be checked; the caller
 *     has done that.
 *   - Functions, operators and collations are looked up as the current user, which must be the owner in a
 *     security-restricted operation; anything else is an internal error. What is found must be what the query uses
 *     (known_objects.hpp).
 *
 * The result is not rewritten: no policy is added, and views are not expanded, of which no text of ours reads one.
 * Takes AccessShare on each relation, to the end of the transaction.
 *
 * PostgreSQL frames. Results are allocated in the current memory context.
 */
#pragma once

#include "pg/known_objects.hpp"

extern "C" {
#include "nodes/parsenodes.h"
#include "utils/queryenvironment.h"
#include "utils/relcache.h"
}

namespace pgtrickle {

/* What the texts of one program may use of its query. */
struct QueryParts {
    List *constants = NIL; /* Const nodes: what $1, $2 … stand for */
    KnownObjects known;
};

/* Whether a literal of the type may stand in printed SQL: its input function is built in and calls no other. */
bool is_printed_constant(const Const *constant);

/* The raw parse tree of the SELECT `sql`, which reads no relation, with its types resolved. */
SelectStmt *parse_internal(const char *sql);

/* The SELECT `sql`. `environment` has the relations in memory that it may read by name. Raises 55000 if a name means
 * something that is not among the parts of the query. */
Query *analyze_internal(const char *sql, const QueryParts &parts, QueryEnvironment *environment);

/* An expression over the columns of `relation`, which is locked. */
::Node *analyze_internal_expression(const char *text, const QueryParts &parts, Relation relation);

/* Raises an internal error unless the current user is in a security-restricted operation. */
void require_restricted_operation();

} // namespace pgtrickle
