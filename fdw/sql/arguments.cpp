#include "fdw/sql/arguments.hpp"

#include "definition/options.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "nodes/value.h"
#include "parser/parse_func.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
}

#include <climits>

namespace pgtrickle {

struct NamedArguments::Names {
    int count;
    Oid *types;
    char **names;
};

namespace {

/* Reads the names of a function's arguments, into the current memory context. PostgreSQL frame. */
NamedArguments::Names *names_of(Oid function)
{
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for function %u", function);
    auto *found = static_cast<NamedArguments::Names *>(palloc0(sizeof(NamedArguments::Names)));
    char *modes;
    found->count = get_func_arg_info(tuple, &found->types, &found->names, &modes);
    if (found->names == nullptr)
        found->count = 0;
    ReleaseSysCache(tuple);
    return found;
}

/* Returns the names of a function's arguments, which are read once for each FmgrInfo. PostgreSQL frame. */
const NamedArguments::Names *cached_names(FmgrInfo *function)
{
    if (function->fn_extra == nullptr) {
        MemoryContext previous = MemoryContextSwitchTo(function->fn_mcxt);
        function->fn_extra = names_of(function->fn_oid);
        MemoryContextSwitchTo(previous);
    }
    return static_cast<const NamedArguments::Names *>(function->fn_extra);
}

[[noreturn]] void refuse_null(const char *name)
{
    refuse_argument(std::string(name) + " must not be NULL");
}

} // namespace

void refuse_argument(const std::string &what, const std::string &hint)
{
    raise({.sqlstate = ERRCODE_INVALID_PARAMETER_VALUE, .message = "invalid argument: " + what, .hint = hint});
}

NamedArguments::NamedArguments(FunctionCallInfo fcinfo)
    : fcinfo_(fcinfo), names_(call([=] { return cached_names(fcinfo->flinfo); }))
{
}

int NamedArguments::number_of(const char *name) const
{
    for (int i = 0; i < names_->count; i++)
        if (strcmp(names_->names[i], name) == 0)
            return i;
    return -1;
}

Oid NamedArguments::type_of(int number) const
{
    return names_->types[number];
}

void NamedArguments::expect(int number, Oid type) const
{
    const Oid found = type_of(number);
    const char *name = names_->names[number];
    if (found != type)
        call([=] { elog(ERROR, "argument \"%s\" has type %u instead of %u", name, found, type); });
}

bool NamedArguments::has(const char *name) const
{
    const int number = number_of(name);
    return number >= 0 && has_argument(fcinfo_, number);
}

std::optional<std::string> NamedArguments::text(const char *name) const
{
    if (!has(name))
        return std::nullopt;
    const int number = number_of(name);
    expect(number, TEXTOID);
    return text_argument(fcinfo_, number);
}

std::string NamedArguments::required_text(const char *name) const
{
    std::optional<std::string> value = text(name);
    if (!value)
        refuse_null(name);
    return *value;
}

std::optional<bool> NamedArguments::boolean(const char *name) const
{
    if (!has(name))
        return std::nullopt;
    const int number = number_of(name);
    expect(number, BOOLOID);
    return boolean_argument(fcinfo_, number);
}

bool NamedArguments::is_boolean(const char *name) const
{
    const int number = number_of(name);
    return number >= 0 && type_of(number) == BOOLOID;
}

std::optional<std::string> NamedArguments::option(const char *name) const
{
    if (!has(name))
        return std::nullopt;
    if (!is_boolean(name))
        return text(name);
    return *boolean(name) ? "true" : "false";
}

std::vector<std::string> argument_names(const char *function)
{
    const NamedArguments::Names *found = call([=] {
        List *name = list_make2(makeString(pstrdup("pgtrickle")), makeString(pstrdup(function)));
        const Oid any = InvalidOid; /* the only function of that name, whatever its arguments */
        return names_of(LookupFuncName(name, -1, &any, false));
    });
    return {found->names, found->names + found->count};
}

std::optional<std::string> text_argument(FunctionCallInfo fcinfo, int number)
{
    if (!has_argument(fcinfo, number))
        return std::nullopt;
    return std::string(call([=] { return text_to_cstring(PG_GETARG_TEXT_PP(number)); }));
}

std::string required_text(FunctionCallInfo fcinfo, int number, const char *what)
{
    std::optional<std::string> value = text_argument(fcinfo, number);
    if (!value)
        refuse_null(what);
    return *value;
}

std::string group_name_argument(FunctionCallInfo fcinfo)
{
    std::string name = required_text(fcinfo, 0, "name");
    if (name.empty() || name.size() >= NAMEDATALEN)
        refuse_argument("the name of a group must have 1 to " + std::to_string(NAMEDATALEN - 1) + " bytes");
    return name;
}

int max_rows_argument(FunctionCallInfo fcinfo, int number)
{
    const int max_rows = has_argument(fcinfo, number) ? PG_GETARG_INT32(number) : INT_MAX;
    if (max_rows < 0)
        refuse_argument("max_rows must not be negative");
    return max_rows;
}

void note_ignored(const char *argument, const char *why)
{
    call([=] { ereport(NOTICE, (errmsg("%s has no effect: %s", argument, why))); });
}

namespace {

/* Arguments whose values have no meaning here. */
constexpr struct {
    const char *name;
    const char *why;
} ignored_arguments[] = {
    {"max_differential_joins", "the number of joins is not limited"},
    {"max_delta_fraction", "AUTO learns from past refreshes when a full refresh is cheaper"},
    {"fuse", "a refresh of any number of changes is one transaction, which readers do not wait for"},
    {"fuse_ceiling", "there is no fuse"},
    {"fuse_sensitivity", "there is no fuse"},
    {"output_distribution_column", "the storage is on this server"},
};

} // namespace

void check_compatibility_arguments(const NamedArguments &arguments)
{
    if (arguments.boolean("temporal").value_or(false))
        raise({.sqlstate = ERRCODE_FEATURE_NOT_SUPPORTED,
               .message = "temporal stream tables are not supported",
               .detail = "A stream table has the rows that its query returns now; it keeps no earlier ones."});
    if (std::optional<std::string> mode = arguments.text("cdc_mode")) {
        const std::string word = options::lower(*mode);
        if (word != "auto" && word != "trigger" && word != "wal")
            refuse_argument("cdc_mode \"" + *mode + "\"", "Valid values are: auto, trigger, wal.");
        note_ignored("cdc_mode", "changes are captured by triggers");
    }
    if (arguments.boolean("pooler_compatibility_mode").value_or(false))
        note_ignored("pooler_compatibility_mode", "connection poolers need no special mode");
    if (const std::optional<std::string> backend = arguments.text("storage_backend"))
        if (options::lower(*backend) != "heap")
            note_ignored("storage_backend", "the storage is a heap");
    for (const auto &ignored : ignored_arguments)
        if (arguments.has(ignored.name))
            note_ignored(ignored.name, ignored.why);
}

} // namespace pgtrickle
