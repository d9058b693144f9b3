/*
 * Statements of ours on the extension's own tables, to which nobody else has any rights. Who may have them run is
 * checked before. C++ frames; they throw PgError.
 */
#pragma once

#include "pg/boundary.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pgtrickle {

using Text = std::optional<std::string>;

/* Runs `sql` as a superuser, whatever the session has set; parameters and results are texts. */
std::vector<std::vector<Text>> run_own(const char *sql, const std::vector<Text> &parameters = {});

/* The session's user as tables name him, and any relation that holds data, with AccessShare on it: raises 42P01, or
 * 42809 if nothing is written to it. */
std::string current_role();
Oid relation_with_data(const std::string &name);
/* The same; raises 42501 unless the user owns it. */
Oid own_relation_with_data(const std::string &name);

/* An array of texts; raises 22023 if it is NULL or has a NULL in it. `what` names it. */
std::vector<std::string> text_array(FunctionCallInfo fcinfo, int number, const char *what);

/* The names of those that are there, sorted, as text[]. */
Datum name_array(const std::vector<Oid> &relids);

} // namespace pgtrickle
