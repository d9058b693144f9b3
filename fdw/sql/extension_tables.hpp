/*
 * Statements of ours on the extension's own tables, to which no user has any rights. Who may have them run is
 * checked before. C++ frames; they throw PgError.
 *
 * They run as a superuser, and no code and no name of a user can be in them:
 *   - the text is a literal of this source (OwnSql): nothing is printed into it;
 *   - what users give are parameters of type text, cast to oid, float8 and timestamptz only, types of pg_catalog whose input
 *     functions call nothing;
 *   - it names relations of pg_catalog and pgtrickle, whose columns have types of pg_catalog, and no table of a user: so it
 *     meets no trigger, rule, policy, default, domain or index expression of one. Only the owner of these tables, who installed
 *     the extension, could add such;
 *   - functions and operators are found in pg_catalog alone, for pg_temp is not searched for them;
 *   - event triggers do not fire, since there is no DDL among them;
 *   - it is a security-restricted operation all the same.
 * Statements with a user's expressions, such as an index of a stream table, run as its owner (upgrade.cpp).
 */
#pragma once

#include "pg/boundary.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pgtrickle {

using Text = std::optional<std::string>;

/* A statement that is known when this is compiled: a text made of anything else does not compile. */
class OwnSql {
  public:
    consteval OwnSql(const char *literal) : text_(literal) {} // NOLINT(google-explicit-constructor)
    const char *text() const { return text_; }

  private:
    const char *text_;
};

/* Runs `sql` as a superuser, whatever the session has set; parameters and results are texts. */
std::vector<std::vector<Text>> run_own(OwnSql sql, const std::vector<Text> &parameters = {});

/* The session's user as tables name him, and any relation that holds data, with AccessShare on it: raises 42P01, or
 * 42809 if nothing is written to it. */
std::string current_role();
Oid relation_with_data(const std::string &name);
/* The same; raises 42501 unless the user owns it. */
Oid own_relation_with_data(const std::string &name);

/* Raises unless stream tables are there and the transaction may write; `what` is the function as messages name it. */
void require_writable(const char *what);
/* The argument "source" of a function that changes something about it, checked as these two do. */
Oid own_source(FunctionCallInfo fcinfo, const char *what);

/* An array of texts; raises 22023 if it is NULL or has a NULL in it. `what` names it. */
std::vector<std::string> text_array(FunctionCallInfo fcinfo, int number, const char *what);

/* The names of those that are there, sorted, as text[]. */
Datum name_array(const std::vector<Oid> &relids);

} // namespace pgtrickle
