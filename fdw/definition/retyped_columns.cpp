#include "fdw/definition/retyped_columns.hpp"

#include "capture/source/inheritance.hpp"
#include "definition/definition_view.hpp"
#include "definition/query/implicit_casts.hpp"
#include "definition/query/output_columns.hpp"
#include "fdw/definition/alter_commands.hpp"
#include "fdw/definition/altering.hpp"
#include "fdw/definition/redefinition.hpp"
#include "pg/known_objects.hpp"
#include "pg/relation_name.hpp"
#include "pg/rights.hpp"
#include "pg/versions/rights.hpp"
#include "pg/walker.hpp"
#include "refresh/code/interpreted_code.hpp"
#include "refresh/request/audience.hpp"
#include "setup/defining_query.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "commands/tablecmds.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_coerce.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteSupport.h"
#include "storage/lmgr.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
}

#include <algorithm>

namespace pgtrickle {

namespace {

[[noreturn]] void refuse(Oid user, const char *column)
{
    const char *name = definition::qualified_name(user);
    ereport(ERROR,
            (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
             errmsg("cannot alter type of a column used by another role's stream table"),
             has_rights_of_owner(user)
                 ? errdetail("Stream table %s depends on column \"%s\", and may run code of its owner, which this "
                             "session must not.",
                             name, column)
                 : errdetail("Stream table %s depends on column \"%s\".", name, column),
             errhint("Let its owner drop the stream table, alter the column, and create the stream table again; "
                     "see pgtrickle.export_definition(%s) for the statements.",
                     quote_literal_cstr(quoted_relation_name(user)))));
}

/* The rule of the internal view ceases to depend on the columns of `relid`; it is replaced after the statement.
 * PostgreSQL frame. */
void release_from_rule(Oid user, Oid relid)
{
    const Oid rule = get_rewrite_oid(definition::view_of(user), "_RETURN", false);
    deleteDependencyRecordsForSpecific(RewriteRelationId, rule, DEPENDENCY_NORMAL, RelationRelationId, relid);
    CommandCounterIncrement();
}

AlterTableCmd *retyping(const char *column, ColumnDef *next)
{
    AlterTableCmd *command = makeNode(AlterTableCmd);
    command->subtype = AT_AlterColumnType;
    command->name = pstrdup(column);
    command->def = reinterpret_cast<::Node *>(next);
    return command;
}

/* Whether the column was declared with another type than that of its query, one that the next value can be assigned to.
 */
bool keeps_declared_type(const Query *present, Form_pg_attribute column, Oid next)
{
    const TargetEntry *target = get_tle_by_resno(present->targetList, column->attnum);
    return definition::without_cast(target->expr) != target->expr &&
           can_coerce_type(1, &next, &column->atttypid, COERCION_ASSIGNMENT);
}

/* Returns the commands by which the columns of the stream table get the types that its query has for them.
 * PostgreSQL frame. */
List *retypings(Oid relid, Query *query)
{
    List *commands = NIL;
    const Query *present = definition::query_of(relid);
    const List *definitions = definition::column_definitions(query);
    const ListCell *next = list_head(definitions);
    Relation relation = table_open(relid, AccessShareLock);
    TupleDesc descriptor = RelationGetDescr(relation);
    for (int i = 0; i < descriptor->natts && next != nullptr; i++) {
        Form_pg_attribute column = TupleDescAttr(descriptor, i);
        if (column->attisdropped)
            continue;
        auto *wanted = lfirst_node(ColumnDef, next);
        if ((column->atttypid != wanted->typeName->typeOid || column->atttypmod != wanted->typeName->typemod) &&
            !keeps_declared_type(present, column, wanted->typeName->typeOid))
            commands = lappend(commands, retyping(NameStr(column->attname), wanted));
        next = lnext(definitions, next);
    }
    table_close(relation, NoLock);
    return commands;
}

/* The columns of the stream table follow those of its sources: the statement is not one of a user, and its effects on
 * the definition come afterwards. PostgreSQL frame. */
void alter_columns(Oid relid, List *commands)
{
    AlterTableStmt *statement = makeNode(AlterTableStmt);
    statement->relation = makeRangeVar(get_namespace_name(get_rel_namespace(relid)), get_rel_name(relid), -1);
    statement->cmds = commands;
    statement->objtype = OBJECT_FOREIGN_TABLE;
    PlannedStmt *planned = makeNode(PlannedStmt);
    planned->commandType = CMD_UTILITY;
    planned->utilityStmt = reinterpret_cast<::Node *>(statement);
    AlterTableUtilityContext context = {planned, "", relid, nullptr, nullptr};
    altering(relid, [&] { AlterTable(statement, AccessExclusiveLock, &context); });
    CommandCounterIncrement();
}

/* Locks the stream table, whose definition follows the column. Returns false if it is dropped meanwhile. */
bool lock_to_follow(Oid user, Oid relid, AttrNumber column)
{
    if (!call([=] { return definition::is_stream_table(user); }))
        return false;
    const bool may_follow = call([=] { return has_rights_of_owner(user); }) && refresh::may_run_here(user);
    return call([=] {
        if (!may_follow)
            refuse(user, get_attname(relid, column, false));
        return definition::lock_if_exists(user, AccessExclusiveLock);
    });
}

} // namespace

void RetypedColumns::release_column(Oid relid, AttrNumber column)
{
    List *users = call([=] { return definition::users_of(RelationRelationId, relid, column, true); });
    ListCell *cell;
    foreach (cell, users) {
        const Oid user = lfirst_oid(cell);
        const bool is_released = std::find(released_.begin(), released_.end(), user) != released_.end();
        if (!is_released) {
            if (!lock_to_follow(user, relid, column))
                continue;
            released_.push_back(user);
        }
        call([=] { release_from_rule(user, relid); });
    }
}

void RetypedColumns::release(Oid relid, const AlterTableStmt *statement)
{
    List *tables = call([=] { return owns_relation(relid) ? capture::tree_of(relid, NoLock) : NIL; });
    ListCell *cell, *table;
    foreach (cell, statement->cmds) {
        const auto *command = lfirst_node(AlterTableCmd, cell);
        if (command->subtype != AT_AlterColumnType)
            continue;
        foreach (table, tables) {
            const Oid altered = lfirst_oid(table);
            const AttrNumber column = call([=] { return get_attnum(altered, command->name); });
            if (column != InvalidAttrNumber)
                release_column(altered, column);
        }
    }
    if (!released_.empty() && has_command(statement, AT_DropColumn))
        raise(
            {.sqlstate = ERRCODE_FEATURE_NOT_SUPPORTED,
             .message = "cannot drop columns in the statement that alters the type of a column used by a stream table",
             .hint = "Use a separate statement."});
}

/* One that reads no other one that is left. */
Oid RetypedColumns::take_next()
{
    auto next = std::find_if(released_.begin(), released_.end(), [&](Oid one) {
        const std::vector<Oid> upstreams = definition::upstreams_of(one);
        return std::none_of(released_.begin(), released_.end(), [&](Oid other) {
            return std::find(upstreams.begin(), upstreams.end(), other) != upstreams.end();
        });
    });
    if (next == released_.end())
        raise({.message = "the stream tables that read a retyped column read each other in a circle"});
    const Oid taken = *next;
    released_.erase(next);
    return taken;
}

namespace {

/* An error of the parser does not say whose query it is about. PostgreSQL frame. */
void explain(ErrorData *error, const char *name)
{
    if (ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION ||
        error->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE || error->detail != nullptr)
        return;
    error->detail =
        psprintf("The query of stream table %s reads the column, and is not valid with its new type.", name);
    error->hint = pstrdup("Alter the query first, so that it is valid with both types, as by a cast to text.");
}

/* Collects the implicit casts of values of users' types to PostgreSQL's own ones. A domain has the operators of its
 * type.
 */
bool add_lost_types(::Node *node, void *casts)
{
    if (node == nullptr)
        return false;
    if (IsA(node, Query))
        return walk_query(reinterpret_cast<Query *>(node), add_lost_types, casts, 0);
    const Expr *operand = definition::converted(reinterpret_cast<Expr *>(node));
    if (operand != nullptr && exprType(node) < FirstNormalObjectId &&
        getBaseType(exprType(reinterpret_cast<const ::Node *>(operand))) >= FirstNormalObjectId)
        *static_cast<List **>(casts) = lappend(*static_cast<List **>(casts), node);
    return walk_expression(node, add_lost_types, casts);
}

/* Returns these casts (List of Expr), without the assignments to the declared types of the columns. */
List *lost_types_in(const Query *query)
{
    auto *copy = static_cast<Query *>(copyObjectImpl(query));
    definition::remove_casts(copy);
    List *casts = NIL;
    add_lost_types(reinterpret_cast<::Node *>(copy), &casts);
    return casts;
}

/* Whether a cast is none of those of `before`: others may have taken their places. */
bool has_new_one(const List *casts, List *before)
{
    const ListCell *cell;
    foreach (cell, casts) {
        const int left = list_length(before);
        before = list_delete(before, lfirst(cell));
        if (list_length(before) == left)
            return true;
    }
    return false;
}

[[noreturn]] void refuse_meaning(const char *detail, const char *hint)
{
    ereport(ERROR,
            (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("cannot alter type of a column used by a stream table"),
             errdetail_internal("%s", detail), errhint("%s", hint)));
}

/* The text names operators and functions of other schemas than pg_catalog with their schemas. Where a column gets a
 * type of such a schema, as citext, PostgreSQL would find its own ones, and cast the column for them silently.
 * PostgreSQL frame. */
void refuse_lost_types(Oid relid, const Query *query)
{
    if (has_new_one(lost_types_in(query), lost_types_in(definition::query_of(relid))))
        refuse_meaning(psprintf("The query of stream table %s would be computed with operators or functions of another "
                                "type, to which PostgreSQL casts the new one.",
                                definition::qualified_name(relid)),
                       "Drop the stream table, alter the column, and create the stream table again.");
}

/* PostgreSQL frames. */

Oid owner_of_function(Oid function)
{
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple))
        return InvalidOid;
    const Oid owner = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple))->proowner;
    ReleaseSysCache(tuple);
    return owner;
}

/* Returns those of `functions` that belong to the owner of the stream table, to a superuser, or to a role whose
 * functions the query calls already. */
List *of_trusted_roles(const List *functions, const List *called, Oid owner)
{
    List *roles = list_make1_oid(owner), *trusted = NIL;
    const ListCell *cell;
    foreach (cell, called)
        roles = list_append_unique_oid(roles, owner_of_function(lfirst_oid(cell)));
    foreach (cell, functions)
        if (const Oid role = owner_of_function(lfirst_oid(cell)); list_member_oid(roles, role) || superuser_arg(role))
            trusted = lappend_oid(trusted, lfirst_oid(cell));
    return trusted;
}

/* Raises an error if the query, analyzed again, finds a function or operator that was not meant: one that its text with
 * the casts that PostgreSQL has added does not find, or one of another role, which may have been created since the
 * query was defined. `present` is the query as it was, and `cast` the one of the text with casts. */
void refuse_found_ones(Oid relid, Oid owner, const Query *present, const Query *cast, Query *found)
{
    KnownObjects known = known_objects_of(present);
    const KnownObjects in_cast = known_objects_of(cast);
    List *trusted = of_trusted_roles(in_cast.functions, known.functions, owner), *called = list_copy(known.functions);
    known.functions = list_concat_unique_oid(known.functions, in_cast.functions);
    known.types = list_concat_unique_oid(known.types, in_cast.types);
    if (!has_only_known(reinterpret_cast<::Node *>(found), known))
        refuse_meaning(psprintf("The query of stream table %s has casts that PostgreSQL has added, and would find "
                                "other functions or operators without them.",
                                definition::qualified_name(relid)),
                       "Write the casts that are meant into the query; or drop the stream table, alter the "
                       "column, and create the stream table again.");
    known.functions = list_concat_unique_oid(called, trusted);
    if (!has_only_known(reinterpret_cast<::Node *>(found), known))
        refuse_meaning(
            psprintf("The query of stream table %s would call functions or operators of other roles, which it "
                     "does not call now.",
                     definition::qualified_name(relid)),
            "Drop the stream table, alter the column, and create the stream table again.");
}

/* Analyzes the query from its text without the casts that PostgreSQL added for the present types, as the user has not
 * written them: round(n), not round(n::numeric). The text with them shows what is found if none of them is left out.
 * C++ frame. */
definition::ParsedQuery analyze_again(Oid relid, Definition &definition)
{
    Query *present = call([=] { return definition::query_of(relid); });
    Definition with_casts = definition;
    /* The statement may also have added columns, which lists of aliases in the text do not have. */
    with_casts.query = call([=] { return definition::canonical_text(present); });
    definition.query = call([=] { return definition::canonical_text(definition::without_implicit_casts(present)); });
    const definition::ParsedQuery parsed = setup::parse_defining_query(definition, true, relid);
    Query *cast = definition.query == with_casts.query ? parsed.query
                                                       : setup::parse_defining_query(with_casts, true, relid).query;
    const Oid owner = definition.owner;
    call([=] { refuse_found_ones(relid, owner, present, cast, parsed.query); });
    return parsed;
}

} // namespace

bool RetypedColumns::follow_one(Oid relid)
{
    Definition definition = definition::load(relid);
    definition::ParsedQuery parsed = {};
    List *commands = NIL;
    const char *name = call([=] { return definition::qualified_name(relid); });
    try {
        refresh::for_stream_table(relid, "redefine", [&] {
            AsOwner as_owner(definition.owner, Sharing::custom);
            parsed = analyze_again(relid, definition);
            call([&] { refuse_lost_types(relid, parsed.query); });
            commands = call([&] { return retypings(relid, parsed.query); });
        });
    } catch (const PgError &error) {
        call([&] { explain(error.data, name); });
        throw;
    }
    const bool has_known_children = commands == NIL || !call([=] { return has_subclass(relid); });
    if (!refresh::may_run_query_here(relid, parsed.query) ||
        !(has_known_children || call([=] { return refresh::is_trusted_here(relid); })))
        raise_code_of_owner(relid);
    ListCell *cell;
    foreach (cell, commands)
        release_column(relid, call([&] { return get_attnum(relid, lfirst_node(AlterTableCmd, cell)->name); }));
    if (commands != NIL) {
        /* Children are rewritten, and constraints of these, indexes and extended statistics parsed again. */
        AsOwner as_owner(definition.owner, Sharing::custom);
        call([=] { alter_columns(relid, commands); });
    }
    redefined_.push_back(replace_by_analysis(relid, parsed));
    return commands != NIL;
}

std::vector<Oid> RetypedColumns::follow()
{
    std::vector<Oid> retyped;
    while (!released_.empty()) {
        const Oid next = take_next();
        if (follow_one(next))
            retyped.push_back(next);
    }
    for (const Redefined &one : redefined_)
        fill_redefined(one);
    return retyped;
}

} // namespace pgtrickle
