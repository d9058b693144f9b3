/*
 * alter_stream_table, drop_stream_table, resume_stream_table, as SQL functions.
 */
#include "definition/alert.hpp"
#include "definition/guc.hpp"
#include "definition/state/state.hpp"
#include "definition/visibility.hpp"
#include "fdw/sql/arguments.hpp"
#include "fdw/sql/ddl_statements.hpp"
#include "mailbox/mailbox.hpp"

namespace pgtrickle {

namespace {

/* Takes no lock on the stream table: the statement that changes it does. */
Oid stream_table_to_change(const NamedArguments &arguments)
{
    std::string name = arguments.required_text("name");
    return call([&] { return owned_stream_table(name.c_str()); });
}

Oid stream_table_to_set(const NamedArguments &arguments)
{
    std::string name = arguments.required_text("name");
    return call([&] { return locked_stream_table(owned_stream_table, name.c_str(), AccessShareLock); });
}

/* The manager reads the row again after the commit; the mailbox's copy is for dependents. */
state::Before set_suspended(Oid relid, bool is_suspended)
{
    const state::Before before = call([=] { return state::set_suspended(relid, is_suspended); });
    mailbox::note_state(relid, {before.is_populated, is_suspended, false});
    mailbox::note_definition_change();
    return before;
}

void activate(Oid relid)
{
    Definition definition = definition::load(relid);
    if (!set_suspended(relid, false).was_suspended) {
        call([&] { ereport(NOTICE, (errmsg("stream table \"%s\" is not suspended", definition.name.c_str()))); });
        return;
    }
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
        refuse_argument("status \"" + status + "\"", "Valid values are: ACTIVE, SUSPENDED.");
}

void alter(const NamedArguments &arguments)
{
    call([] {
        guc::require_stream_tables("alter a stream table");
        PreventCommandIfReadOnly("alter_stream_table()");
    });
    Oid relid = stream_table_to_change(arguments);
    std::vector<options::Option> changes;
    for (const char *name : options::names_for_users())
        if (std::optional<std::string> value = arguments.option(name))
            changes.push_back({name, *value});
    check_compatibility_arguments(arguments);
    if (!changes.empty())
        run_alter(relid, changes);
    if (std::optional<std::string> status = arguments.text("status"))
        change_status(stream_table_to_set(arguments), *status);
}

void drop(const NamedArguments &arguments)
{
    Oid relid = stream_table_to_change(arguments);
    bool cascade = arguments.boolean("cascade").value_or(false);
    std::vector<Oid> dependents = definition::dependents_of(relid);
    if (!cascade && !dependents.empty()) {
        std::string name = call([=] { return definition::qualified_name(relid); });
        std::string list;
        for (Oid dependent : dependents)
            list +=
                (list.empty() ? "" : ", ") + std::string(call([=] { return definition::qualified_name(dependent); }));
        raise({.sqlstate = ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST,
               .message = "stream table " + name + " has dependent stream tables",
               .detail = "It is read by: " + list + ".",
               .hint = "Drop those first, or use cascade => true."});
    }
    run_drop(relid, cascade);
}

[[noreturn]] void refuse_to_drop_partition(const NamedArguments &arguments)
{
    const std::string name = definition::load(stream_table_to_change(arguments)).name;
    raise({.sqlstate = ERRCODE_FEATURE_NOT_SUPPORTED,
           .message = "cannot drop a partition of stream table \"" + name + "\"",
           .detail = "Its rows are the answer of its query; without those of a partition they would be wrong.",
           .hint = "Delete the rows from the sources, or restrict the query."});
}

[[noreturn]] void refuse_to_publish(const NamedArguments &arguments)
{
    const std::string name = definition::load(stream_table_to_change(arguments)).name;
    raise({.sqlstate = ERRCODE_FEATURE_NOT_SUPPORTED,
           .message = "cannot publish stream table \"" + name + "\"",
           .detail = "PostgreSQL publishes no foreign tables, and no subscriber can have a table with the name of its "
                     "storage.",
           .hint = "Publish its sources, and create the stream table on the subscriber."});
}

[[noreturn]] void refuse_to_drop_publication(const NamedArguments &arguments)
{
    const std::string name = definition::load(stream_table_to_change(arguments)).name;
    raise({.sqlstate = ERRCODE_UNDEFINED_OBJECT, .message = "stream table \"" + name + "\" has no publication"});
}

} // namespace

} // namespace pgtrickle

SQL_FUNCTION(pgtrickle_alter_stream_table)
{
    pgtrickle::alter(pgtrickle::NamedArguments(fcinfo));
    PG_RETURN_VOID();
}

SQL_FUNCTION(pgtrickle_drop_stream_table)
{
    pgtrickle::drop(pgtrickle::NamedArguments(fcinfo));
    PG_RETURN_VOID();
}

SQL_FUNCTION(pgtrickle_drop_partition)
{
    pgtrickle::refuse_to_drop_partition(pgtrickle::NamedArguments(fcinfo));
    PG_RETURN_VOID();
}

SQL_FUNCTION(pgtrickle_stream_table_to_publication)
{
    pgtrickle::refuse_to_publish(pgtrickle::NamedArguments(fcinfo));
    PG_RETURN_VOID();
}

SQL_FUNCTION(pgtrickle_drop_stream_table_publication)
{
    pgtrickle::refuse_to_drop_publication(pgtrickle::NamedArguments(fcinfo));
    PG_RETURN_VOID();
}

SQL_FUNCTION(pgtrickle_resume_stream_table)
{
    pgtrickle::call([] {
        pgtrickle::guc::require_stream_tables("resume a stream table");
        PreventCommandIfReadOnly("resume_stream_table()");
    });
    pgtrickle::activate(pgtrickle::stream_table_to_set(pgtrickle::NamedArguments(fcinfo)));
    PG_RETURN_VOID();
}
