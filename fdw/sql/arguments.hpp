/*
 * Arguments of SQL functions as C++ values: by number, or by the names that CREATE FUNCTION gives them.
 */
#pragma once

#include "pg/boundary.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pgtrickle {

/* Raises 22023 with the message "invalid argument: " and `what`. C++ frame. */
[[noreturn]] void refuse_argument(const std::string &what, const std::string &hint = {});

/* Returns the text argument `number`, or nothing if it is NULL or absent. C++ frame. */
std::optional<std::string> text_argument(FunctionCallInfo fcinfo, int number);
/* As text_argument(), but raises 22023 if the argument is NULL. `what` is its name in the message, such as
 * "name". C++ frame. */
std::string required_text(FunctionCallInfo fcinfo, int number, const char *what);

/* Returns the first argument of a function about a refresh or watermark group: the name of the group, if it is one.
 * C++ frame. */
std::string group_name_argument(FunctionCallInfo fcinfo);
/* Returns the argument `number`, the number of rows that are wanted; INT_MAX if it is NULL or absent. C++ frame. */
int max_rows_argument(FunctionCallInfo fcinfo, int number);

/* The arguments of a call by their names, which are read from pg_proc once for each FmgrInfo. An argument
 * that the function does not have counts as NULL. Raises XX000 if an argument has a type other than the
 * requested one. C++ frames. */
class NamedArguments {
  public:
    explicit NamedArguments(FunctionCallInfo fcinfo);

    bool has(const char *name) const;
    std::optional<std::string> text(const char *name) const;
    std::string required_text(const char *name) const; /* raises 22023 if it is NULL */
    std::optional<bool> boolean(const char *name) const;
    bool is_boolean(const char *name) const; /* whether the function has it, as a boolean */
    /* Returns a text or boolean argument as the value of an option. */
    std::optional<std::string> option(const char *name) const;

    struct Names; /* in the memory of the FmgrInfo */

  private:
    int number_of(const char *name) const; /* -1: there is none */
    Oid type_of(int number) const;
    void expect(int number, Oid type) const;

    FunctionCallInfo fcinfo_;
    const Names *names_;
};

/* Returns the names of the arguments of a function in the schema pgtrickle, in their order. C++ frame. */
std::vector<std::string> argument_names(const char *function);

/* Raises a NOTICE that the argument has no effect. */
void note_ignored(const char *argument, const char *why);
/* Calls note_ignored() for arguments that only other implementations need. Raises 22023 for a value that no
 * implementation accepts. */
void check_compatibility_arguments(const NamedArguments &arguments);

inline bool has_argument(FunctionCallInfo fcinfo, int number)
{
    return number < PG_NARGS() && !PG_ARGISNULL(number);
}

inline std::optional<bool> boolean_argument(FunctionCallInfo fcinfo, int number)
{
    return has_argument(fcinfo, number) ? std::optional<bool>(PG_GETARG_BOOL(number)) : std::nullopt;
}

} // namespace pgtrickle
