/*
 * alter_stream_table, drop_stream_table, resume_stream_table, as SQL functions.
 */
#include "definition/alert.hpp"
#include "definition/guc.hpp"
#include "definition/state/state.hpp"
#include "fdw/sql/arguments.hpp"
#include "fdw/sql/ddl_statements.hpp"
#include "definition/visibility.hpp"
#include "mailbox/mailbox.hpp"

namespace pgtrickle {

namespace {

/* Not locked: the statement that changes it will do that. */
Oid stream_table_to_change(FunctionCallInfo fcinfo)
{
    std::string name = required_text(fcinfo, 0, "name");
    return call([&] { return owned_stream_table(name.c_str()); });
}

Oid stream_table_to_set(FunctionCallInfo fcinfo)
{
    std::string name = required_text(fcinfo, 0, "name");
    return call([&] { return locked_stream_table(owned_stream_table, name.c_str(), AccessShareLock); });
}

/* The manager looks at the row again after the commit; the mailbox's copy is for readers. */
state::Before set_suspended(Oid relid, bool is_suspended)
{
    const state::Before before = call([=] { return state::set_suspended(relid, is_suspended); });
    mailbox::note_state(relid, {before.is_populated, is_suspended, false});
    mailbox::note_definition_change();
    return before;
}

void activate(Oid relid)
{
    if (!set_suspended(relid, false).was_suspended)
        return;
    Definition definition = definition::load(relid);
    (void)definition::send_alert(definition::alert_of("resumed", definition.schema_name, definition.name).end());
}

void change_status(Oid relid, const std::string &status)
{
    const std::string word = options::lower(status);
    if (word == "active")
        activate(relid);
    else if (word == "suspended")
        (void)set_suspended(relid, true);
    else
        raise({.sqlstate = ERRCODE_INVALID_PARAMETER_VALUE,
               .message = "invalid argument: status \"" + status + "\"",
               .hint = "Valid values are: ACTIVE, SUSPENDED."});
}

void alter(FunctionCallInfo fcinfo)
{
    call([] {
        guc::require_stream_tables("alter a stream table");
        PreventCommandIfReadOnly("alter_stream_table()");
    });
    Oid relid = stream_table_to_change(fcinfo);
    std::vector<options::Option> changes;
    const std::pair<int, const char *> texts[] = {
        {1, "query"}, {2, "schedule"}, {3, "refresh_mode"}, {5, "diamond_consistency"}, {6, "diamond_schedule_policy"},
        {10, "tier"}};
    for (auto [number, name] : texts)
        if (std::optional<std::string> value = text_argument(fcinfo, number))
            changes.push_back({name, *value});
    if (std::optional<bool> append_only = boolean_argument(fcinfo, 8))
        changes.push_back({"append_only", *append_only ? "true" : "false"});
    look_at_compatibility(fcinfo, 7, 9);
    if (!changes.empty())
        run_alter(relid, changes);
    if (std::optional<std::string> status = text_argument(fcinfo, 4))
        change_status(stream_table_to_set(fcinfo), *status);
}

void drop(FunctionCallInfo fcinfo)
{
    Oid relid = stream_table_to_change(fcinfo);
    bool cascade = boolean_argument(fcinfo, 1).value_or(false);
    std::vector<Oid> readers = definition::readers_of(relid);
    if (!cascade && !readers.empty()) {
        std::string name = call([=] { return definition::qualified_name(relid); });
        std::string list;
        for (Oid reader : readers)
            list += (list.empty() ? "" : ", ") + std::string(call([=] { return definition::qualified_name(reader); }));
        raise({.sqlstate = ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST,
               .message = "stream table " + name + " has dependent stream tables",
               .detail = "It is read by: " + list + ".",
               .hint = "Drop those first, or use cascade => true."});
    }
    run_drop(relid, cascade);
}

} // namespace

} // namespace pgtrickle

SQL_FUNCTION(pgtrickle_alter_stream_table)
{
    pgtrickle::alter(fcinfo);
    PG_RETURN_VOID();
}

SQL_FUNCTION(pgtrickle_drop_stream_table)
{
    pgtrickle::drop(fcinfo);
    PG_RETURN_VOID();
}

SQL_FUNCTION(pgtrickle_resume_stream_table)
{
    pgtrickle::call([] {
        pgtrickle::guc::require_stream_tables("resume a stream table");
        PreventCommandIfReadOnly("resume_stream_table()");
    });
    pgtrickle::activate(pgtrickle::stream_table_to_set(fcinfo));
    PG_RETURN_VOID();
}
