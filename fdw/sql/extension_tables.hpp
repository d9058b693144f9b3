/*
 * Statements of the extension on its own tables, on which no user has any privilege. The caller checks who
 * may have them run. C++ frames; they throw PgError.
 *
 * The statements run as a superuser, so they must contain no code and no name that a user has written:
 *   - the text is a literal of this source (ExtensionSql): nothing is printed into it;
 *   - values from users are parameters of type text, which are cast only to oid, float8, timestamptz and jsonb, types
 *     of pg_catalog whose input functions call no other code;
 *   - the text names relations of pg_catalog and pgtrickle, whose columns have types of pg_catalog, and no
 *     table of a user, so no user's trigger, rule, policy, default, domain or index expression is involved.
 *     Only the owner of these tables, which installed the extension, could add one;
 *   - functions and operators are found in pg_catalog alone, because pg_temp is not searched for them;
 *   - event triggers do not fire, because none of the statements is DDL;
 *   - in spite of all this, they run as a security-restricted operation.
 *
 * Statements with a user's expressions, such as an index of a stream table, run as its owner (upgrade.cpp).
 */
#pragma once

#include "pg/boundary.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pgtrickle {

using Text = std::optional<std::string>;

/* A statement that is a constant at compile time: any other text does not compile. */
class ExtensionSql {
  public:
    consteval ExtensionSql(const char *literal) : text_(literal) {} // NOLINT(google-explicit-constructor)
    const char *text() const { return text_; }

  private:
    const char *text_;
};

/* Runs `sql` as a superuser, with fixed text settings instead of the session's; parameters and results are
 * texts. */
std::vector<std::vector<Text>> run_extension_sql(ExtensionSql sql, const std::vector<Text> &parameters = {});

/* Deletes the group `name` by `of_group`. Deletes the members of the group by `of_members`, and returns the relations
 * that its rows contain; raises 42704 if there are none. Two transactions that drop its last two members at once leave
 * a group without members: that is no group, and a new one of the name replaces it. The caller must check the owners of
 * these relations: the group may have been created since the caller looked for it. `kind` is that of the group in the
 * message. */
std::vector<Oid> delete_group(const char *kind, const std::string &name, ExtensionSql of_group,
                              ExtensionSql of_members);

/* Returns the name of the current user. */
std::string current_role();
/* Returns the relation of that name, with AccessShare on it; raises 42P01 if there is none, 42809 if it is not a
 * relation to which rows are written, and 42501 unless the user owns it. */
Oid own_relation_with_data(const std::string &name);

/* Raises an error unless the module was preloaded and the transaction may write. `what` is the function's
 * name in messages. */
void require_writable(const char *what);
/* Returns the argument "source" of a function that changes a property of it, after the checks of
 * require_writable() and own_relation_with_data(). */
Oid own_source(FunctionCallInfo fcinfo, const char *what);

/* Returns an array of texts. Raises 22023 if it is NULL or contains a NULL. `what` is its name in
 * messages. */
std::vector<std::string> text_array(FunctionCallInfo fcinfo, int number, const char *what);

/* Returns the names of the relations that exist, sorted, as text[]. */
Datum name_array(const std::vector<Oid> &relids);

} // namespace pgtrickle
