/*
 * Parse analysis of the SQL that this extension prints.
 *
 * Invariant: analysis runs no code of a user, and needs no privilege that the owner of the stream table
 * lacks.
 *
 *   - A value of a type that a user can influence never appears in the text: a literal of an array, composite, range or
 *     enum type would call input functions, and a literal of a domain evaluates its CHECK. Such a constant is `$n`, and
 *     analysis inserts the Const node that analysis of the user's own statement produced. A literal of any other type
 *     than the built-in scalar ones is refused.
 *   - Relations and types are found by their qualified names in the system caches, without the USAGE privilege on
 *     their schema: the user named them in the defining query. No privileges on relations are checked; the caller
 *     has checked them.
 *   - Functions, operators and collations are looked up as the current user, which must be the owner in a
 *     security-restricted operation; otherwise an internal error is raised. Analysis must find the objects that the
 *     query uses (known_objects.hpp).
 *
 * The result is not rewritten: no policy is added, and views are not expanded, as no printed text reads a
 * view. Takes AccessShare on each relation, to the end of the transaction.
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

/* Parts of a query that the printed texts of its program may use. */
struct QueryParts {
    List *constants = NIL; /* Const nodes, which $1, $2 … represent */
    KnownObjects known;
};

/* Whether a literal of the type may appear in printed SQL: its input function is built in and calls no
 * other. */
bool is_printed_constant(const Const *constant);

/* Returns the raw parse tree of the SELECT `sql`, which reads no relation, with its types resolved. */
SelectStmt *parse_internal(const char *sql);

/* Analyzes the SELECT `sql`. `environment` has the relations in memory that it may read by name. Raises 55000
 * if a name resolves to an object that is not among the parts of the query. */
Query *analyze_internal(const char *sql, const QueryParts &parts, QueryEnvironment *environment);

/* Analyzes an expression over the columns of `relation`, which must be locked. */
::Node *analyze_internal_expression(const char *text, const QueryParts &parts, Relation relation);

/* Raises an internal error unless the current user is in a security-restricted operation. */
void require_restricted_operation();

} // namespace pgtrickle
