#include "fdw/ddl/user_statement.hpp"

#include "capture/source/inheritance.hpp"
#include "definition/definition_view.hpp"
#include "definition/stream_table.hpp"
#include "fdw/definition/redefinition.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/event_trigger.h"
#include "tcop/utility.h"
#include "utils/evtcache.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle {

namespace {

/* Returns the relation that a statement is about; null for kinds of statements whose effects on stream tables change no
 * answer that an event trigger could ask for. */
RangeVar *relation_of(::Node *statement)
{
    switch (nodeTag(statement)) {
    case T_CreateForeignTableStmt: return reinterpret_cast<CreateForeignTableStmt *>(statement)->base.relation;
    case T_IndexStmt: return reinterpret_cast<IndexStmt *>(statement)->relation;
    case T_AlterTableStmt: return reinterpret_cast<AlterTableStmt *>(statement)->relation;
    case T_RenameStmt: return reinterpret_cast<RenameStmt *>(statement)->relation;
    case T_AlterObjectSchemaStmt: return reinterpret_cast<AlterObjectSchemaStmt *>(statement)->relation;
    case T_ViewStmt: return reinterpret_cast<ViewStmt *>(statement)->view;
    case T_RuleStmt: return reinterpret_cast<RuleStmt *>(statement)->relation;
    case T_RefreshMatViewStmt: return reinterpret_cast<RefreshMatViewStmt *>(statement)->relation;
    default: return nullptr;
    }
}

/* Returns the name of the relation that a statement alters, which only its owner may do; null for other statements. */
RangeVar *altered_name_of(::Node *statement)
{
    switch (nodeTag(statement)) {
    case T_AlterTableStmt:
    case T_RenameStmt:
    case T_AlterObjectSchemaStmt:
    case T_RuleStmt: return relation_of(statement);
    default: return nullptr;
    }
}

bool is_read_or_made(Oid relid)
{
    return definition::is_stream_table(relid) || definition::users_of(RelationRelationId, relid, 0, false) != NIL;
}

/* Whether the statement is about a stream table, or a relation that one reads; or about an ancestor of these. */
bool is_about_stream_tables(::Node *statement)
{
    if (IsA(statement, CreateForeignTableStmt))
        return true;
    const RangeVar *relation = relation_of(statement);
    const Oid relid = relation != nullptr ? RangeVarGetRelid(relation, NoLock, true) : InvalidOid;
    if (!OidIsValid(relid))
        return false;
    ListCell *cell;
    foreach (cell, capture::tree_of(relid, NoLock))
        if (is_read_or_made(lfirst_oid(cell)))
            return true;
    return false;
}

bool has_event_triggers()
{
    return EventCacheLookup(EVT_DDLCommandStart) != NIL || EventCacheLookup(EVT_DDLCommandEnd) != NIL ||
           EventCacheLookup(EVT_SQLDrop) != NIL || EventCacheLookup(EVT_TableRewrite) != NIL;
}

/* Other statements stay as they are, with the event triggers that PostgreSQL fires: a module that was loaded before may
 * expect these inside of its own hook, and statements that are not part of another. A trigger may change what a name
 * means, so that names are bound after it. */
bool has_to_fire(const UtilityCall &utility)
{
    return utility.context != PROCESS_UTILITY_SUBCOMMAND && has_event_triggers() &&
           (altered_name_of(utility.statement()) != nullptr || is_about_stream_tables(utility.statement()));
}

} // namespace

UserStatement::UserStatement(const UtilityCall &call)
    : UtilityCall(call), fires_(pgtrickle::call([this] { return has_to_fire(*this); }))
{
}

UserStatement::~UserStatement()
{
    if (is_hiding_)
        EventTriggerEndCompleteQuery();
    if (is_collecting_)
        EventTriggerEndCompleteQuery();
}

void UserStatement::begin()
{
    if (relation_of(statement()) != nullptr)
        call([this] {
            const char *tag = CreateCommandName(statement());
            PreventCommandIfReadOnly(tag);
            PreventCommandIfParallelMode(tag);
            PreventCommandDuringRecovery(tag);
        });
    if (fires_) {
        is_collecting_ = call([] { return EventTriggerBeginCompleteQuery(); });
        call([this] { EventTriggerDDLCommandStart(statement()); });
    }
    call([this] {
        bind_name();
        hide_commands();
    });
}

void UserStatement::end()
{
    if (fires_)
        call([this] {
            show_commands();
            EventTriggerSQLDrop(statement());
            EventTriggerDDLCommandEnd(statement());
        });
}

void UserStatement::bind_name()
{
    RangeVar *name = altered_name_of(statement());
    if (name == nullptr)
        return;
    Oid relid;
    char *schema = nullptr;
    do { /* the relation may be dropped meanwhile */
        CHECK_FOR_INTERRUPTS();
        relid = RangeVarGetRelid(name, NoLock, true);
        schema = OidIsValid(relid) ? get_namespace_name(get_rel_namespace(relid)) : nullptr;
    } while (OidIsValid(relid) && schema == nullptr);
    if (!OidIsValid(relid))
        return;
    name->schemaname = schema;
    is_of_another_ = !has_rights_of_owner(relid);
}

void UserStatement::run() const
{
    UtilityCall part = *this;
    if (fires_)
        part.context = PROCESS_UTILITY_SUBCOMMAND;
    collect([&] { part.run(); });
    if (is_of_another_)
        ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                        errmsg("could not execute the statement: a concurrent transaction has given the name of its "
                               "relation to another one"),
                        errhint("Repeat the statement.")));
}

void UserStatement::hide_commands() const
{
    is_hiding_ = EventTriggerBeginCompleteQuery();
}

void UserStatement::show_commands() const
{
    if (is_hiding_)
        EventTriggerEndCompleteQuery();
    is_hiding_ = false;
}

} // namespace pgtrickle
