/*
 * create_stream_table and similar SQL functions. Each turns its arguments into options and runs the
 * statement.
 */
#include "definition/guc.hpp"
#include "definition/visibility.hpp"
#include "fdw/ddl/alter.hpp"
#include "fdw/sql/arguments.hpp"
#include "fdw/sql/ddl_statements.hpp"
#include "pg/versions/names.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "nodes/makefuncs.h"
#include "utils/regproc.h"
}

namespace pgtrickle {

namespace {

/* Returns every option that has an argument which is not NULL. */
std::vector<options::Option> options_of(const NamedArguments &arguments)
{
    (void)arguments.required_text("query");
    std::vector<options::Option> options;
    for (const char *name : options::names_for_users())
        if (const std::optional<std::string> value = arguments.option(name))
            options.push_back({name, *value});
    return options;
}

bool is_stream_table(const std::string &name)
{
    return call([&] {
        const RangeVar *relation = makeRangeVarFromNameList(parse_qualified_name(name.c_str()));
        const Oid relid = RangeVarGetRelid(relation, NoLock, true);
        return OidIsValid(relid) && definition::is_stream_table(relid);
    });
}

void create(const NamedArguments &arguments, bool if_not_exists)
{
    call([] { guc::require_stream_tables("create a stream table"); });
    std::string name = arguments.required_text("name");
    check_compatibility_arguments(arguments);
    std::vector<options::Option> options = options_of(arguments);
    const Definition plain;
    std::erase_if(options, [&](const options::Option &option) {
        return arguments.is_boolean(option.name.c_str()) && option.value == options::value_of(plain, option.name);
    });
    run_create(name, options, if_not_exists);
}

void create_or_replace(const NamedArguments &arguments)
{
    std::string name = arguments.required_text("name");
    call([] { PreventCommandIfReadOnly("create_or_replace_stream_table()"); });
    if (!is_stream_table(name)) {
        create(arguments, false);
        return;
    }
    /* Excludes other changes of the definition, but no readers: most often nothing has to be changed. */
    const Oid existing =
        call([&] { return locked_stream_table(owned_stream_table, name.c_str(), ShareUpdateExclusiveLock); });
    check_compatibility_arguments(arguments);
    if (!arguments.boolean("initialize").value_or(true))
        note_ignored("initialize", "the stream table exists");
    std::vector<options::Option> changes = options_of(arguments);
    const Definition definition = definition::load(existing);
    std::erase_if(changes, [&](const options::Option &option) {
        return option.name == "initialize" ||
               (option.name == "query" ? has_query(existing, option.value) : options::is_same(option, definition));
    });
    if (!changes.empty())
        run_alter(existing, changes);
}

} // namespace

} // namespace pgtrickle

SQL_FUNCTION(pgtrickle_create_stream_table)
{
    pgtrickle::create(pgtrickle::NamedArguments(fcinfo), false);
    PG_RETURN_VOID();
}

SQL_FUNCTION(pgtrickle_create_stream_table_if_not_exists)
{
    pgtrickle::create(pgtrickle::NamedArguments(fcinfo), true);
    PG_RETURN_VOID();
}

SQL_FUNCTION(pgtrickle_create_or_replace_stream_table)
{
    pgtrickle::create_or_replace(pgtrickle::NamedArguments(fcinfo));
    PG_RETURN_VOID();
}
