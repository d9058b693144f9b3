/*
 * The statements that the SQL functions run. A function has no effect beyond that of its statement.
 */
#pragma once

#include "definition/options.hpp"

namespace pgtrickle {

/* Returns "s.t" or "t" as SQL would parse it, quoted where needed. Raises 22023 or 42602 if the name is
 * invalid. C++ frame. */
std::string quoted_name(const std::string &name);

/* Returns CREATE FOREIGN TABLE name (columns) SERVER server OPTIONS (…); `columns` is the text between the
 * parentheses. C++ frame. */
std::string create_statement(const std::string &quoted_name, const std::string &columns,
                             const std::string &quoted_server, const std::vector<options::Option> &options);

/* The following functions run the statements, each through every hook. C++ frames. */
void run_create(const std::string &name, const std::vector<options::Option> &options, bool if_not_exists);
/* Sets options of a stream table. */
void run_alter(Oid relid, const std::vector<options::Option> &options);
void run_drop(Oid relid, bool cascade);

} // namespace pgtrickle
