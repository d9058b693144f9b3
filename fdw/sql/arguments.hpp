/*
 * Arguments of SQL functions as C++ values: by number, or by the names that CREATE FUNCTION gives them.
 */
#pragma once

#include "pg/boundary.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pgtrickle {

/* The text argument `number`; nothing when it is NULL or absent. C++ frame. */
std::optional<std::string> text_argument(FunctionCallInfo fcinfo, int number);
/* The same; raises 22023 when it is NULL. `what` names it: "name". */
std::string required_text(FunctionCallInfo fcinfo, int number, const char *what);

/* The arguments of a call by their names, which are read from pg_proc once for each FmgrInfo. An argument that the function
 * does not have counts as NULL. Raises XX000 for one of another type than is asked for. C++ frames. */
class NamedArguments {
  public:
    explicit NamedArguments(FunctionCallInfo fcinfo);

    bool has(const char *name) const;
    std::optional<std::string> text(const char *name) const;
    std::string required_text(const char *name) const; /* raises 22023 when it is NULL */
    std::optional<bool> boolean(const char *name) const;
    bool is_boolean(const char *name) const; /* the function has it, as a boolean */
    /* A text or a boolean as the value of an option. */
    std::optional<std::string> option(const char *name) const;

    struct Names; /* in the memory of the FmgrInfo */

  private:
    int number_of(const char *name) const; /* -1: there is none */
    Oid type_of(int number) const;
    void expect(int number, Oid type) const;

    FunctionCallInfo fcinfo_;
    const Names *names_;
};

/* The names of the arguments of a function of the schema pgtrickle, in their order. C++ frame. */
std::vector<std::string> argument_names(const char *function);

/* Says that the argument was not needed, as a NOTICE. */
void note_ignored(const char *argument, const char *why);
/* The same of arguments that other implementations need; raises 22023 for a value that none knows. */
void look_at_compatibility(const NamedArguments &arguments);

inline bool has_argument(FunctionCallInfo fcinfo, int number)
{
    return number < PG_NARGS() && !PG_ARGISNULL(number);
}

inline std::optional<bool> boolean_argument(FunctionCallInfo fcinfo, int number)
{
    return has_argument(fcinfo, number) ? std::optional<bool>(PG_GETARG_BOOL(number)) : std::nullopt;
}

} // namespace pgtrickle
