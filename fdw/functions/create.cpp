/*
 * create_stream_table and its kin, as SQL functions. Each turns its arguments into options and runs
 * the statement.
 */
#include "definition/guc.hpp"
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

/* Positions of the arguments, which the functions share. */
enum Argument : int {
    name_argument,
    query_argument,
    schedule_argument,
    refresh_mode_argument,
    initialize_argument,
    diamond_consistency_argument,
    diamond_schedule_policy_argument,
    cdc_mode_argument,
    append_only_argument,
    pooler_compatibility_mode_argument,
    partition_by_argument,
    max_differential_joins_argument,
    max_delta_fraction_argument,
};

void look_at_ignored(FunctionCallInfo fcinfo)
{
    look_at_compatibility(fcinfo, cdc_mode_argument, pooler_compatibility_mode_argument);
    if (has_argument(fcinfo, partition_by_argument))
        raise({.sqlstate = ERRCODE_FEATURE_NOT_SUPPORTED,
               .message = "the storage of a stream table cannot be partitioned",
               .hint = "Leave out partition_by."});
    if (has_argument(fcinfo, max_differential_joins_argument))
        note_ignored("max_differential_joins", "the number of joins is not limited");
    if (has_argument(fcinfo, max_delta_fraction_argument))
        note_ignored("max_delta_fraction", "AUTO learns from the refreshes when a full one is cheaper");
}

void add_text(std::vector<options::Option> *options, const char *name, std::optional<std::string> value)
{
    if (value)
        options->push_back({name, *value});
}

std::vector<options::Option> options_of(FunctionCallInfo fcinfo)
{
    std::vector<options::Option> options = {{"query", required_text(fcinfo, query_argument, "query")}};
    add_text(&options, "schedule", text_argument(fcinfo, schedule_argument));
    add_text(&options, "refresh_mode", text_argument(fcinfo, refresh_mode_argument));
    if (!boolean_argument(fcinfo, initialize_argument).value_or(true))
        options.push_back({"initialize", "false"});
    add_text(&options, "diamond_consistency", text_argument(fcinfo, diamond_consistency_argument));
    add_text(&options, "diamond_schedule_policy", text_argument(fcinfo, diamond_schedule_policy_argument));
    if (boolean_argument(fcinfo, append_only_argument).value_or(false))
        options.push_back({"append_only", "true"});
    return options;
}

Oid existing_relation(const std::string &name)
{
    return call([&] {
        RangeVar *relation = makeRangeVarFromNameList(parse_qualified_name(name.c_str()));
        return RangeVarGetRelid(relation, NoLock, true);
    });
}

void create(FunctionCallInfo fcinfo, bool if_not_exists)
{
    call([] { guc::require_stream_tables("create a stream table"); });
    std::string name = required_text(fcinfo, name_argument, "name");
    look_at_ignored(fcinfo);
    run_create(name, options_of(fcinfo), if_not_exists);
}

/* Only what differs from the definition as it is. The text of a query is compared with the user's
 * own, and with the canonical one. */
std::vector<options::Option> differing(const Definition &definition, const std::vector<options::Option> &wanted)
{
    Definition after;
    options::apply(wanted, &after);
    std::vector<options::Option> changes;
    for (const options::Option &option : wanted) {
        bool is_same = (option.name == "query" && (option.value == definition.original_query ||
                                                   option.value == definition.query)) ||
                       (option.name == "schedule" && option.value == definition.schedule_text) ||
                       (option.name == "refresh_mode" && after.mode == definition.mode) ||
                       (option.name == "initialize") ||
                       (option.name == "append_only" && after.is_append_only == definition.is_append_only) ||
                       (option.name == "diamond_consistency" &&
                        after.is_diamond_atomic == definition.is_diamond_atomic) ||
                       (option.name == "diamond_schedule_policy" &&
                        after.is_diamond_policy_slowest == definition.is_diamond_policy_slowest);
        if (!is_same)
            changes.push_back(option);
    }
    return changes;
}

void create_or_replace(FunctionCallInfo fcinfo)
{
    std::string name = required_text(fcinfo, name_argument, "name");
    Oid existing = existing_relation(name);
    if (!OidIsValid(existing) || !call([=] { return definition::is_stream_table(existing); })) {
        create(fcinfo, false);
        return;
    }
    call([=] { definition::require_owner(existing); });
    look_at_ignored(fcinfo);
    if (!boolean_argument(fcinfo, initialize_argument).value_or(true))
        note_ignored("initialize", "the stream table exists");
    std::vector<options::Option> changes = differing(definition::load(existing), options_of(fcinfo));
    if (!changes.empty())
        run_alter(existing, changes);
}

} // namespace

} // namespace pgtrickle

SQL_FUNCTION(pgtrickle_create_stream_table)
{
    pgtrickle::create(fcinfo, false);
    PG_RETURN_VOID();
}

SQL_FUNCTION(pgtrickle_create_stream_table_if_not_exists)
{
    pgtrickle::create(fcinfo, true);
    PG_RETURN_VOID();
}

SQL_FUNCTION(pgtrickle_create_or_replace_stream_table)
{
    pgtrickle::create_or_replace(fcinfo);
    PG_RETURN_VOID();
}
