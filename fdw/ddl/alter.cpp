/*
 * Alterations of a stream table. It can get other options, another owner, and a place in an inheritance
 * hierarchy. Another query keeps the columns in their order, and can retype, drop and append some; it takes
 * effect in this transaction, including storage and rows. So does another type of a column, to which the query is cast.
 * Everything else that PostgreSQL would accept would break the stream table, and is refused.
 */
#include "fdw/ddl/alter.hpp"

#include "capture/log/log_format.hpp"
#include "definition/definition_view.hpp"
#include "definition/query/implicit_casts.hpp"
#include "definition/query/rewritten_query.hpp"
#include "definition/state/state.hpp"
#include "fdw/ddl/alter_timing.hpp"
#include "fdw/ddl/dependency_changes.hpp"
#include "fdw/ddl/exact_name.hpp"
#include "fdw/ddl/heap_statements.hpp"
#include "fdw/ddl/inherited_columns.hpp"
#include "fdw/ddl/object_access_hook.hpp"
#include "fdw/ddl/refusals/alterations.hpp"
#include "fdw/definition/alter_commands.hpp"
#include "fdw/definition/column_changes.hpp"
#include "fdw/definition/redefinition.hpp"
#include "fdw/definition/replacement.hpp"
#include "fdw/definition/retyped_columns.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/known_objects.hpp"
#include "pg/relation_name.hpp"
#include "pg/relation_row.hpp"
#include "pg/settings.hpp"
#include "pg/versions/rights.hpp"
#include "refresh/code/compile_right.hpp"
#include "setup/defining_query.hpp"
#include "setup/heaps.hpp"
#include "setup/patient_lock.hpp"
#include "setup/setup.hpp"
#include "storage/owner.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "foreign/foreign.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

#include <algorithm>

namespace pgtrickle {

namespace {

/* The action of an ALTER on an option. */
enum class Change { set, add, drop };

struct OptionChange {
    Change change;
    options::Option option;
};

/* Returns whether the statement has effects on stream tables among the descendants of the table. An added column may
 * have constraints; since 18, a constraint can become inheritable. */
bool is_passed_on(const AlterTableStmt *statement)
{
    ListCell *cell;
    foreach (cell, statement->cmds) {
        switch (lfirst_node(AlterTableCmd, cell)->subtype) {
        case AT_AddConstraint:
        case AT_AlterConstraint:
        case AT_AddColumn:
        case AT_SetNotNull:
        case AT_SetStatistics:
        case AT_SetStorage: return true;
        default: break;
        }
    }
    return false;
}

/* Returns whether the statement may affect stream tables that it does not name: dependents, and inheritance
 * children. */
bool is_changing_columns(const AlterTableStmt *statement)
{
    ListCell *cell;
    foreach (cell, statement->cmds) {
        AlterTableType type = static_cast<AlterTableCmd *>(lfirst(cell))->subtype;
        if (type == AT_AlterColumnType || type == AT_DropColumn)
            return true;
    }
    return false;
}

std::vector<OptionChange> changes_in(List *def_elements)
{
    std::vector<OptionChange> changes;
    ListCell *cell;
    foreach (cell, def_elements) {
        auto *element = static_cast<DefElem *>(lfirst(cell));
        Change change = element->defaction == DEFELEM_DROP  ? Change::drop
                        : element->defaction == DEFELEM_ADD ? Change::add
                                                            : Change::set;
        changes.push_back({change, options::from_list(call([=] { return list_make1(element); })).front()});
    }
    return changes;
}

std::vector<options::Option> current_options(Oid relid)
{
    return options::from_list(call([=] { return GetForeignTable(relid)->options; }));
}

auto find(std::vector<options::Option> &options, const std::string &name)
{
    return std::find_if(options.begin(), options.end(),
                        [&](const options::Option &option) { return option.name == name; });
}

/* Returns the options after the changes. SET of an option that is absent adds it, because it does not matter
 * whether the catalog contains a default. */
std::vector<options::Option> apply_changes(std::vector<options::Option> options,
                                           const std::vector<OptionChange> &changes)
{
    for (const OptionChange &change : changes) {
        if (options::is_internal(change.option.name))
            raise({.sqlstate = ERRCODE_FDW_INVALID_OPTION_NAME,
                   .message = "option \"" + change.option.name + "\" cannot be changed",
                   .detail = "It is maintained by pg_trickle.",
                   .hint = "Change the option \"query\"."});
        auto found = find(options, change.option.name);
        if (found != options.end() && change.change == Change::add)
            raise({.sqlstate = ERRCODE_DUPLICATE_OBJECT,
                   .message = "option \"" + change.option.name + "\" is set already",
                   .hint = "Use OPTIONS (SET " + change.option.name + " ...) to change it."});
        if (change.change == Change::drop) {
            if (found == options.end())
                raise({.sqlstate = ERRCODE_UNDEFINED_OBJECT,
                       .message = "option \"" + change.option.name + "\" not found"});
            options.erase(found);
        } else if (found != options.end()) {
            found->value = change.option.value;
        } else {
            options.push_back(change.option);
        }
    }
    options::check(options);
    return options;
}

/* Returns the list of changes that turns `before` into `after`, for PostgreSQL to execute. */
List *as_def_elements(std::vector<options::Option> before, const std::vector<options::Option> &after)
{
    List *list = NIL;
    auto add = [&](const options::Option &option, DefElemAction action) {
        list = call([&] {
            DefElem *element = makeDefElem(pstrdup(option.name.c_str()),
                                           reinterpret_cast<::Node *>(makeString(pstrdup(option.value.c_str()))), -1);
            element->defaction = action;
            return lappend(list, element);
        });
    };
    for (const options::Option &option : after) {
        auto found = find(before, option.name);
        add(option, found == before.end() ? DEFELEM_ADD : DEFELEM_SET);
        if (found != before.end())
            before.erase(found);
    }
    for (const options::Option &option : before)
        add(option, DEFELEM_DROP);
    return list;
}

/* Returns the options on which the meaning of the query depends: its canonical text, and the recorded settings. */
std::vector<options::Option> options_of_meaning(std::vector<options::Option> options)
{
    std::erase_if(options, [](const options::Option &option) {
        return option.name == "original_query" || (option.name != "query" && !options::is_internal(option.name));
    });
    std::sort(options.begin(), options.end(),
              [](const options::Option &one, const options::Option &other) { return one.name < other.name; });
    return options;
}

struct NewQuery {
    Query *query;
    definition::ColumnChanges changes;
    std::vector<options::Option> options; /* those on which its meaning depends */
};

/* Analyzes the query of `definition` for a stream table that exists. */
NewQuery analyzed(Oid relid, const Definition &definition, bool must_be_readable)
{
    definition::ParsedQuery parsed = setup::parse_defining_query(definition, false, relid);
    if (must_be_readable)
        call([&] { definition::check_read_privileges(parsed.query); });
    NewQuery made = {nullptr, {}, {}};
    made.query = call([&] { return setup::fit_to_altered(relid, parsed, &made.changes); });
    made.options = setup::recorded_settings(made.query);
    made.options.push_back({"query", call([&] { return definition::canonical_text(made.query); })});
    return made;
}

/* Whether the text of `query`, which is that of the present query, means what it meant when that was defined: one of
 * its names may find a function that was created since, and that fits better. PostgreSQL frame. */
bool has_same_objects(Oid relid, const Query *query)
{
    if (!OidIsValid(definition::view_of(relid)))
        return true;
    const KnownObjects present = known_objects_of(definition::query_of(relid)), found = known_objects_of(query);
    return equal(present.functions, found.functions) && equal(present.types, found.types);
}

/* Whether the stream table has this query and these settings, if in another spelling. */
bool has_same_meaning(Oid relid, const NewQuery &made, const std::vector<options::Option> &present)
{
    return options_of_meaning(made.options) == options_of_meaning(present) &&
           call([&] { return has_same_objects(relid, made.query); });
}

/* Whether one of `query` and the present query has casts written by a user that PostgreSQL has added to the other. The
 * rows are the same, and so is the canonical text, but not what ALTER COLUMN … TYPE of a source makes of it. PostgreSQL
 * frame. */
bool has_other_casts(Oid relid, Query *query)
{
    auto text = [](Query *of) { return definition::canonical_text(definition::without_implicit_casts(of)); };
    return OidIsValid(definition::view_of(relid)) && strcmp(text(query), text(definition::query_of(relid))) != 0;
}

/* Has PostgreSQL execute the statement, which changes the options and the columns. */
void execute(const UserStatement &utility, Oid relid, bool is_timing, const definition::ColumnChanges &columns)
{
    AppendedColumns appended_columns(relid);
    List *lost = call([&] {
        reinterpret_cast<AlterTableStmt *>(utility.statement())->relation = exact_name(relid);
        state::invalidate_refresh_sets();
        return losses_of(relid, columns);
    });
    if (is_timing)
        run_beside_readers(utility, relid);
    else
        call([&] { utility.run(); });
    call([=] {
        CommandCounterIncrement();
        ListCell *cell;
        foreach (cell, lost)
            ereport(NOTICE, (errmsg("%s", static_cast<const char *>(lfirst(cell)))));
    });
}

/* The definition before and after OPTIONS (…). */
struct Altered {
    Definition before, after;
    std::vector<options::Option> old_options, new_options;
    bool is_new_query = false; /* and not only another spelling of the query */
    Query *query = nullptr;    /* by which the rows are computed again; null: they stay */
    Query *recast = nullptr;   /* the query of rows that stay, with has_other_casts(); null: the present one */
    definition::ColumnChanges columns;
};

/* Replaces the query among the options, and changes the columns of the statement. */
void take_new_query(Altered &altered, Oid relid, AlterTableStmt *statement)
{
    NewQuery made = analyzed(relid, altered.after, true);
    altered.query = made.query;
    altered.columns = made.changes;
    call([&] { change_columns(relid, statement, altered.columns); });
    altered.is_new_query = !has_same_meaning(relid, made, altered.old_options);
    if (!altered.is_new_query && call([&] { return has_other_casts(relid, made.query); }))
        altered.recast = made.query;
    std::vector<options::Option> &all = altered.new_options;
    std::erase_if(
        all, [](const options::Option &option) { return option.name == "query" || options::is_internal(option.name); });
    all.insert(all.end(), made.options.begin(), made.options.end());
    all.push_back({"original_query", altered.after.query});
}

Query *present_query(const Altered &altered, Oid relid)
{
    return altered.recast != nullptr ? altered.recast : call([=] { return definition::query_of(relid); });
}

Altered altered_by(const std::vector<OptionChange> &changes, Oid relid, AlterTableStmt *statement)
{
    Altered altered;
    altered.before = definition::load(relid);
    altered.old_options = current_options(relid);
    altered.new_options = apply_changes(altered.old_options, changes);
    const Definition &before = altered.before, &after = altered.after;
    options::apply(altered.new_options, &altered.after);
    if (after.schedule != before.schedule)
        options::check_interval(after.schedule);
    if (std::any_of(changes.begin(), changes.end(), [](const OptionChange &change) {
            return change.option.name == "query" && change.change != Change::drop;
        }))
        take_new_query(altered, relid, statement);
    const bool has_other_storage = after.mode != before.mode || after.partition_by.text() != before.partition_by.text();
    if (!altered.is_new_query)
        altered.query = has_other_storage ? present_query(altered, relid) : nullptr;
    return altered;
}

void alter_options(const UserStatement &utility, Oid relid, AlterTableCmd *command)
{
    auto *changed = reinterpret_cast<List *>(command->def);
    auto *statement = reinterpret_cast<AlterTableStmt *>(utility.statement());
    const bool is_timing = call([=] { return is_about_timing(changed); });
    setup::follow_labels_of_partitions(relid);
    const Altered altered = altered_by(changes_in(changed), relid, statement);
    const RefreshMode mode = altered.after.mode;
    command->def = reinterpret_cast<::Node *>(as_def_elements(altered.old_options, altered.new_options));
    const std::string text = altered.is_new_query ? altered.after.query : std::string();
    std::optional<Replacement> replacement;
    if (altered.query != nullptr && Replacement::is_possible(relid, altered.query))
        replacement.emplace(relid, altered.query, text, mode, altered.new_options, altered.columns);
    if (replacement)
        replacement->lock();
    else if (!is_timing)
        setup::lock_between_readers({relid}, [] {});
    execute(utility, relid, is_timing, altered.columns);
    check_options(relid, altered.new_options);
    call([=] { capture::refit(relid); });
    if (replacement)
        replacement->take_over();
    else if (altered.query != nullptr)
        redefine(relid, altered.query, text, mode, setup::DeniedCapture::is_refused);
    else {
        if (altered.recast != nullptr)
            call([&] { definition::store_query(relid, altered.recast); });
        if (altered.after.storage_parameters != altered.before.storage_parameters)
            setup::follow_storage_parameters(relid);
        call([=] { state::bump_generation(relid); });
    }
    const definition::ColumnChanges &columns = altered.columns;
    if (columns.appended != NIL || columns.retyped != NIL || columns.dropped != NIL)
        note_row_type(relid);
    for (Oid child : retyped_children(relid, statement))
        if (child != relid)
            fill_redefined(replace_child_as_declared(child));
    mailbox::note_definition_change();
}

Oid target_of(const AlterTableStmt *statement)
{
    return RangeVarGetRelid(statement->relation, NoLock, true);
}

/* Returns the tables whose columns the statement alters: those of a composite type are its typed tables. */
List *altered_tables(const AlterTableStmt *statement)
{
    const Oid relid = target_of(statement);
    if (!OidIsValid(relid))
        return NIL;
    return statement->objtype == OBJECT_TYPE ? typed_tables_of(relid) : list_make1_oid(relid);
}

/* Alters a table that may be a parent of stream tables. */
void alter_other_table(const UserStatement &utility, Oid relid)
{
    auto *statement = reinterpret_cast<AlterTableStmt *>(utility.statement());
    List *tables = call([=] { return altered_tables(statement); });
    ListCell *cell;
    RetypedColumns retyped_columns;
    foreach (cell, tables)
        retyped_columns.release(lfirst_oid(cell), statement);
    call([&] {
        ListCell *table;
        foreach (table, tables)
            check_dropping_from_parent(lfirst_oid(table), statement);
        utility.run();
        CommandCounterIncrement();
        foreach (table, tables)
            if (has_subclass(lfirst_oid(table))) {
                check_inherited_constraints(lfirst_oid(table));
                follow_column_settings(lfirst_oid(table), statement);
            }
    });
    foreach (cell, tables)
        for (Oid child : retyped_children(lfirst_oid(cell), statement))
            retyped_columns.add(replace_child_as_declared(child));
    for (Oid user : retyped_columns.follow())
        note_row_type(user);
    if (OidIsValid(relid))
        note_columns(relid, statement);
    if (OidIsValid(relid) && call([=] { return is_switching_policies(statement); }))
        note_policies(relid);
}

} // namespace

bool has_query(Oid relid, const std::string &text)
{
    Definition definition = definition::load(relid);
    definition.query = text;
    /* The statement that alters the query raises the messages about it. */
    SettingsLevel level;
    call([] { set_for_now("client_min_messages", "error"); });
    const NewQuery made = analyzed(relid, definition, false);
    return has_same_meaning(relid, made, current_options(relid)) &&
           !call([&] { return has_other_casts(relid, made.query); });
}

bool is_our_alter(const AlterTableStmt *statement)
{
    if (statement->objtype == OBJECT_TYPE)
        return is_changing_columns(statement) && altered_tables(statement) != NIL;
    if (statement->objtype != OBJECT_TABLE && statement->objtype != OBJECT_FOREIGN_TABLE)
        return false;
    Oid relid = target_of(statement);
    return OidIsValid(relid) && (definition::is_stream_table(relid) || is_changing_columns(statement) ||
                                 (is_passed_on(statement) && has_subclass(relid)));
}

void alter_table(const UserStatement &utility)
{
    auto *statement = reinterpret_cast<AlterTableStmt *>(utility.statement());
    Oid relid = call([=] { return target_of(statement); });
    if (!call([=] { return definition::is_stream_table(relid); })) {
        alter_other_table(utility, relid);
        return;
    }
    if (list_length(statement->cmds) == 1 &&
        linitial_node(AlterTableCmd, statement->cmds)->subtype == AT_SetTableSpace) {
        move_heaps(utility, relid);
        return;
    }
    call([=] { refuse_other_alterations(relid, statement); });
    ListCell *cell;
    foreach (cell, statement->cmds) {
        auto *command = static_cast<AlterTableCmd *>(lfirst(cell));
        if (command->subtype != AT_GenericOptions)
            continue;
        call([=] {
            if (list_length(statement->cmds) > 1)
                ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                                errmsg("the options of a stream table must be altered in a separate statement")));
            definition::require_owner(relid);
            LockRelationOid(relid, ShareUpdateExclusiveLock);
        });
        const refresh::AskedFor asked(relid);
        alter_options(utility, relid, command);
        return;
    }
    RetypedColumns retyped_columns;
    retyped_columns.release(relid, statement);
    const Oid owner = call([=] { return owner_of_relation(relid); });
    call([&] {
        utility.run();
        CommandCounterIncrement();
        give_storage_to_owner(relid);
        follow_column_settings(relid, statement);
    });
    for (Oid retyped : retyped_children(relid, statement))
        retyped_columns.add(retyped == relid ? replace_as_declared(retyped) : replace_child_as_declared(retyped));
    for (Oid user : retyped_columns.follow())
        note_row_type(user);
    if (call([=] { return owner_of_relation(relid); }) != owner)
        follow_owner(relid);
}

} // namespace pgtrickle
