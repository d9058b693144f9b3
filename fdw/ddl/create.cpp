/*
 * The order of steps: all reasons for refusal are checked before PostgreSQL creates the foreign table, so
 * that errors are about the query and not about catalogs. Then PostgreSQL creates the foreign table; then
 * follow the internal view, the dependencies and the state row; then the storage; then capture, which waits
 * for writers; then the fill, under a snapshot taken after that; and last its parents, so that these are locked
 * shortly.
 *
 * A definition with original_query or recorded settings is being restored: its query is parsed as it was
 * printed, its sources may still be empty and its grants missing. So no privileges are checked, and nothing
 * is captured or filled; the manager does that later.
 */
#include "fdw/ddl/create.hpp"

#include "catalog/tables/history.hpp"
#include "definition/definition_view.hpp"
#include "definition/guc.hpp"
#include "definition/query/altered_columns.hpp"
#include "definition/query/rewritten_query.hpp"
#include "definition/restoring.hpp"
#include "fdw/ddl/publication.hpp"
#include "fdw/definition/altering.hpp"
#include "fdw/definition/definition_notices.hpp"
#include "fdw/definition/fill.hpp"
#include "fdw/definition/imported_queries.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/versions/rights.hpp"
#include "setup/defining_query.hpp"
#include "setup/maintenance.hpp"
#include "setup/setup.hpp"
#include "storage/layout.hpp"

extern "C" {
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_database.h"
#include "commands/tablecmds.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_type.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
}

#include <algorithm>

namespace pgtrickle {

namespace {

[[noreturn]] void refuse_clause(const RangeVar *relation, const char *what, const char *hint)
{
    ereport(ERROR,
            (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
             errmsg("%s of stream table \"%s\" is not supported", what, relation->relname), errhint("%s", hint)));
}

/* The text shows where the constraint stands. */
[[noreturn]] void refuse_constraint(const RangeVar *relation, const ColumnDef *column, const Constraint *constraint,
                                    const char *text)
{
    ParseState *state = make_parsestate(nullptr);
    state->p_sourcetext = text;
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("a column constraint of stream table \"%s\" is not supported", relation->relname),
                    errdetail("Column \"%s\" has the constraint.", column->colname),
                    errhint("Declare columns only; constraints belong on the sources."),
                    parser_errposition(state, constraint->location)));
}

/* Refuses clauses that CREATE FOREIGN TABLE accepts and a stream table cannot support. A DEFAULT has no effect, and is
 * accepted because a parent passes its own on, and a dump has it. */
void check_statement(CreateForeignTableStmt *statement, const char *text)
{
    RangeVar *relation = statement->base.relation;
    if (statement->base.partbound != nullptr)
        refuse_clause(relation, "the partition bound", "Create it, then attach it as a partition.");
    ListCell *cell;
    foreach (cell, statement->base.tableElts) {
        auto *element = static_cast<::Node *>(lfirst(cell));
        if (!IsA(element, ColumnDef))
            refuse_clause(relation, "a table constraint or LIKE clause",
                          "Declare columns only; constraints belong on the sources.");
        auto *column = reinterpret_cast<ColumnDef *>(element);
        ListCell *constraint_cell;
        foreach (constraint_cell, column->constraints) {
            const auto *constraint = static_cast<Constraint *>(lfirst(constraint_cell));
            if (constraint->contype != CONSTR_NULL && constraint->contype != CONSTR_DEFAULT)
                refuse_constraint(relation, column, constraint, text);
        }
        if (column->fdwoptions != NIL)
            refuse_clause(relation, "a column option", "Options belong to the stream table as a whole.");
        if (column->colname != nullptr)
            definition::check_column_name(column->colname);
    }
}

/* Returns true if IF NOT EXISTS leaves nothing to do; raises an error if the name is in use otherwise. In
 * these cases PostgreSQL's own code is not called, because it looks up the name again: if the relation of
 * that name had been dropped in between, it would create a foreign table of which the extension knows
 * nothing. */
bool has_nothing_to_do(CreateForeignTableStmt *statement)
{
    RangeVar *relation = statement->base.relation;
    Oid existing;
    Oid schema = RangeVarGetAndCheckCreationNamespace(relation, NoLock, &existing);
    if (isAnyTempNamespace(schema))
        ereport(ERROR, (errcode(ERRCODE_INVALID_TABLE_DEFINITION), errmsg("a stream table cannot be temporary")));
    definition::refuse_reserved_schema(schema);
    if (!OidIsValid(existing))
        return false;
    if (statement->base.if_not_exists)
        ereport(NOTICE, (errcode(ERRCODE_DUPLICATE_TABLE),
                         errmsg("relation \"%s\" already exists, skipping", relation->relname)));
    else if (definition::is_stream_table(existing))
        ereport(ERROR, (errcode(ERRCODE_DUPLICATE_TABLE),
                        errmsg("stream table already exists: %s", definition::qualified_name(existing)),
                        errhint("Use CREATE FOREIGN TABLE IF NOT EXISTS, create_stream_table_if_not_exists(), "
                                "create_or_replace_stream_table(), or another name.")));
    else
        ereport(ERROR, (errcode(ERRCODE_DUPLICATE_TABLE), errmsg("relation \"%s\" already exists", relation->relname)));
    return true;
}

/* PostgreSQL checks the same, but only after the defining query has been planned, and without the hint. */
void require_usage_of_server(const char *name)
{
    const Oid server = get_foreign_server_oid(name, false);
    if (object_aclcheck(ForeignServerRelationId, server, GetUserId(), ACL_USAGE) != ACLCHECK_OK)
        ereport(ERROR,
                (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for foreign server %s", name),
                 errhint("An owner of the server can GRANT USAGE ON FOREIGN SERVER %s TO %s.", quote_identifier(name),
                         quote_identifier(GetUserNameFromId(GetUserId(), false)))));
}

definition::WantedColumn *wanted_columns(List *column_definitions, const char *text)
{
    auto *wanted = static_cast<definition::WantedColumn *>(
        palloc0(sizeof(definition::WantedColumn) * (list_length(column_definitions) + 1)));
    ParseState *state = make_parsestate(nullptr);
    state->p_sourcetext = text;
    int i = 0;
    ListCell *cell;
    foreach (cell, column_definitions) {
        auto *column = static_cast<ColumnDef *>(lfirst(cell));
        definition::WantedColumn &one = wanted[i++];
        one.name = column->colname;
        typenameTypeIdAndMod(state, column->typeName, &one.type, &one.typmod);
        if (column->collClause != nullptr)
            one.collation = GetColumnDefCollation(state, column, one.type);
        one.location = column->location;
    }
    free_parsestate(state);
    return wanted;
}

/* Returns the query cast to the declared columns, and completes the columns from the query. */
Query *reconcile_columns(CreateForeignTableStmt *statement, const definition::ParsedQuery &parsed, const char *text)
{
    if (statement->base.tableElts == NIL)
        statement->base.tableElts = definition::column_definitions(parsed.query);
    List *definitions = statement->base.tableElts;
    definition::WantedColumn *wanted = wanted_columns(definitions, text);
    Query *query = definition::fit_columns(parsed, wanted, list_length(definitions), text);
    int i = 0;
    ListCell *cell;
    foreach (cell, definitions) {
        auto *column = static_cast<ColumnDef *>(lfirst(cell));
        if (column->collClause == nullptr)
            column->collOid = wanted[i].collation;
        i++;
    }
    check_statement(statement, text);
    return query;
}

void set_option(List **list, const char *name, const char *value)
{
    ListCell *cell;
    foreach (cell, *list) {
        auto *element = static_cast<DefElem *>(lfirst(cell));
        if (strcmp(element->defname, name) == 0) {
            element->arg = reinterpret_cast<::Node *>(makeString(pstrdup(value)));
            return;
        }
    }
    *list = lappend(*list, makeDefElem(pstrdup(name), reinterpret_cast<::Node *>(makeString(pstrdup(value))), -1));
}

void remove_option(List **list, const char *name)
{
    ListCell *cell;
    foreach (cell, *list)
        if (strcmp(static_cast<DefElem *>(lfirst(cell))->defname, name) == 0)
            *list = foreach_delete_current(*list, cell);
}

/* Returns the columns that are NOT NULL in the parent and not in the stream table. */
List *columns_not_null_above(Oid relid, const RangeVar *parent)
{
    List *names = NIL;
    Relation table = table_openrv(parent, ShareUpdateExclusiveLock);
    for (int i = 0; i < RelationGetNumberOfAttributes(table); i++)
        if (Form_pg_attribute column = TupleDescAttr(RelationGetDescr(table), i);
            column->attnotnull && get_attnum(relid, NameStr(column->attname)) != InvalidAttrNumber)
            names = lappend(names, pstrdup(NameStr(column->attname)));
    table_close(table, NoLock);
    return names;
}

AlterTableCmd *command_of(AlterTableType type, char *column)
{
    AlterTableCmd *command = makeNode(AlterTableCmd);
    command->subtype = type;
    command->name = column;
    return command;
}

/* Does what ALTER FOREIGN TABLE … INHERIT does, which checks the privilege on the parent. pg_dump writes INHERITS for
 * it, and omits that a parent's column is NOT NULL in the parent alone: if `is_restored`, the child's stays nullable.
 */
void inherit(Oid relid, RangeVar *parent, bool is_restored)
{
    List *commands = NIL, *afterwards = NIL;
    ListCell *cell;
    foreach (cell, is_restored ? columns_not_null_above(relid, parent) : NIL) {
        auto *column = static_cast<char *>(lfirst(cell));
        commands = lappend(commands, command_of(AT_SetNotNull, column));
        afterwards = lappend(afterwards, command_of(AT_DropNotNull, column));
    }
    AlterTableCmd *command = command_of(AT_AddInherit, nullptr);
    command->def = reinterpret_cast<::Node *>(parent);
    commands = lappend(commands, command);
    altering(relid, [&] { AlterTableInternal(relid, commands, false); });
    CommandCounterIncrement();
    if (afterwards != NIL)
        altering(relid, [&] { AlterTableInternal(relid, afterwards, false); });
    CommandCounterIncrement();
}

void inherit_from_all(Oid relid, List *parents, bool is_restored)
{
    ListCell *cell;
    foreach (cell, parents)
        inherit(relid, lfirst_node(RangeVar, cell), is_restored);
}

Oid created_relation(CreateForeignTableStmt *statement)
{
    CommandCounterIncrement();
    return RangeVarGetRelid(statement->base.relation, NoLock, false);
}

/* Whether a definition was dumped can only be seen by its options, which any role can write. */
void require_interval_of_restored(CreateForeignTableStmt *statement, Definition *definition)
{
    if (!options::is_too_short(definition->schedule) ||
        call([] { return object_ownercheck(DatabaseRelationId, MyDatabaseId, GetUserId()); }))
        return;
    const std::string minimum = std::to_string(guc::min_schedule_seconds) + "s";
    std::string fault;
    definition->schedule = *scheduler::parse_schedule(minimum, &fault);
    call([&] {
        set_option(&statement->options, "schedule", minimum.c_str());
        ereport(WARNING,
                (errmsg("schedule of stream table \"%s\" is raised to the minimum", statement->base.relation->relname),
                 errdetail("The minimum of %s is set by pg_trickle.min_schedule_seconds.", minimum.c_str()),
                 errhint("The owner of the database can restore shorter schedules.")));
    });
}

bool is_given(const std::vector<options::Option> &options, const std::string &name)
{
    return std::any_of(options.begin(), options.end(), [&](const options::Option &option) {
        return pg_strcasecmp(option.name.c_str(), name.c_str()) == 0;
    });
}

} // namespace

void create_stream_table(const UserStatement &utility)
{
    auto *statement = reinterpret_cast<CreateForeignTableStmt *>(utility.statement());
    if (call([=] { return has_nothing_to_do(statement); }))
        return;
    statement->base.if_not_exists = false;
    call([&] { check_statement(statement, utility.text); });
    std::vector<options::Option> given = options::from_list(statement->options);
    options::check(given);
    call([=] { require_usage_of_server(statement->servername); });
    Definition definition;
    options::apply(given, &definition);
    bool is_restored = !definition.original_query.empty() || !definition.settings.empty();

    if (is_restored)
        require_interval_of_restored(statement, &definition);
    else
        options::check_interval(definition.schedule);
    definition::ParsedQuery parsed =
        setup::parse_defining_query(definition, is_restored || definition.is_canonical, InvalidOid);
    call([&] {
        require_meant(statement->base.relation->relname, definition.query.c_str(), parsed.query);
        remove_option(&statement->options, "canonical");
    });
    if (!is_restored)
        call([&] { definition::check_read_privileges(parsed.query); });
    Query *query = call([&] { return reconcile_columns(statement, parsed, utility.text); });
    const std::vector<translate::SourceRef> sources = setup::plan_maintenance(
        statement->base.relation->relname, query, definition.query, definition.mode, GetUserId(),
        is_restored ? setup::DeniedCapture::is_accepted : setup::DeniedCapture::is_refused);
    const char *canonical = call([=] { return definition::canonical_text(query); });
    std::vector<options::Option> kept = {{"query", canonical}};
    if (!is_restored)
        kept.push_back({"original_query", definition.query});
    /* A dump lacks the settings that the version which made it did not record. */
    for (options::Option &setting : setup::recorded_settings(query))
        if (!is_given(given, setting.name))
            kept.push_back(std::move(setting));
    for (const options::Option &option : kept)
        call([&] { set_option(&statement->options, option.name.c_str(), option.value.c_str()); });

    /* PostgreSQL would put the columns of the parents first. */
    List *parents = statement->base.inhRelations;
    statement->base.inhRelations = NIL;
    call([&] { utility.run(); });
    Oid relid = call([=] { return created_relation(statement); });
    catalog::forget_refreshes_of_dropped(relid);
    /* A dump sets default_tablespace for tables, and leaves it to a foreign table as the last table had it. */
    setup::set_up(relid, query, sources, is_restored ? InvalidOid : storage::chosen_tablespace(relid));
    if (!is_restored) {
        setup::capture_sources(relid, sources);
        if (definition.initialize)
            fill(relid);
        note_missing_indexes(relid);
        note_other_owners(relid);
        if (definition.schedule.kind == scheduler::Schedule::Kind::calculated)
            note_uncaptured_inputs(relid, query, sources);
    } else {
        call([=] { definition::begin_restoring(relid, definition::Restored::definition); });
    }
    call([=] {
        inherit_from_all(relid, parents, is_restored);
        warn_of_publications();
    });
    mailbox::note_definition_change();
}

} // namespace pgtrickle
