/*
 * The statements that the SQL functions run: a function does nothing that its statement would
 * not do.
 */
#pragma once

#include "definition/options.hpp"

namespace pgtrickle {

/* "s.t" or "t" as SQL would read it, quoted where needed. Raises 22023 or 42602 on a bad name. C++
 * frame. */
std::string quoted_name(const std::string &name);

/* CREATE FOREIGN TABLE name () SERVER pgtrickle OPTIONS (…); `columns` is what stands between the
 * parentheses. C++ frame. */
std::string create_statement(const std::string &quoted_name, const std::string &columns,
                             const std::vector<options::Option> &options);

/* Run the statements, each through every hook. C++ frames. */
void run_create(const std::string &name, const std::vector<options::Option> &options, bool if_not_exists);
/* Sets options of a stream table. */
void run_alter(Oid relid, const std::vector<options::Option> &options);
void run_drop(Oid relid, bool cascade);

} // namespace pgtrickle
