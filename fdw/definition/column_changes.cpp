#include "fdw/definition/column_changes.hpp"

#include "definition/definition_view.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_inherits.h"
#include "commands/tablecmds.h"
#include "nodes/makefuncs.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
}

namespace pgtrickle {

namespace {

AlterTableCmd *command_on(AlterTableType type, char *column, ColumnDef *definition)
{
    AlterTableCmd *command = makeNode(AlterTableCmd);
    command->subtype = type;
    command->name = column;
    command->def = reinterpret_cast<::Node *>(definition);
    return command;
}

/* Refuses to change a column that others read, or that is inherited, by the stream table or by another table.
 * PostgreSQL would do that after the fill, and name internal views. */
void check_readers(Oid relid, const char *column, const char *action, const char *hint)
{
    HeapTuple tuple = SearchSysCacheAttName(relid, column);
    const bool is_inherited =
        HeapTupleIsValid(tuple) && reinterpret_cast<Form_pg_attribute>(GETSTRUCT(tuple))->attinhcount > 0;
    if (HeapTupleIsValid(tuple))
        ReleaseSysCache(tuple);
    if (is_inherited)
        ereport(ERROR, (errcode(ERRCODE_INVALID_TABLE_DEFINITION), errmsg("cannot %s by another query", action),
                        errdetail("The column is inherited."), errhint("%s", hint)));
    /* The statement would change the tables of others, and remove what these store. */
    if (List *children = find_inheritance_children(relid, AccessShareLock); children != NIL)
        ereport(ERROR, (errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST), errmsg("cannot %s by another query", action),
                        errdetail("Table \"%s\" inherits the column.", get_rel_name(linitial_oid(children))),
                        errhint("%s", hint)));
    List *readers = definition::readers_of_column(relid, get_attnum(relid, column));
    if (readers != NIL)
        ereport(ERROR, (errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST), errmsg("cannot %s by another query", action),
                        errdetail("The column is used by %s.", static_cast<const char *>(linitial(readers))),
                        errhint("%s", hint)));
}

void check_readers_of_retyped(Oid relid, const ColumnDef *next)
{
    Oid type, collation;
    int32 typmod;
    get_atttypetypmodcoll(relid, get_attnum(relid, next->colname), &type, &typmod, &collation);
    const char *present = format_type_with_typemod(type, typmod);
    Relation relation = relation_open(relid, NoLock);
    find_composite_type_dependencies(relation->rd_rel->reltype, relation, nullptr);
    relation_close(relation, NoLock);
    check_readers(relid, next->colname,
                  psprintf("change the type of column \"%s\" from %s to %s", next->colname, present,
                           format_type_with_typemod(next->typeName->typeOid, next->typeName->typemod)),
                  psprintf("Cast the expression in the query to %s.", present));
}

} // namespace

void change_columns(Oid relid, AlterTableStmt *statement, const definition::ColumnChanges &changes)
{
    ListCell *cell;
    foreach (cell, changes.dropped) {
        char *column = strVal(lfirst(cell));
        check_readers(relid, column, psprintf("drop column \"%s\"", column),
                      psprintf("Have the query return a column \"%s\", such as NULL::%s.", column,
                               format_type_be(get_atttype(relid, get_attnum(relid, column)))));
        AlterTableCmd *command = command_on(AT_DropColumn, column, nullptr);
        command->behavior = DROP_RESTRICT;
        statement->cmds = lappend(statement->cmds, command);
    }
    foreach (cell, changes.retyped) {
        auto *column = lfirst_node(ColumnDef, cell);
        check_readers_of_retyped(relid, column);
        statement->cmds = lappend(statement->cmds, command_on(AT_AlterColumnType, column->colname, column));
    }
    foreach (cell, changes.appended) {
        auto *column = lfirst_node(ColumnDef, cell);
        statement->cmds = lappend(statement->cmds, command_on(AT_AddColumn, column->colname, column));
    }
}

List *losses_of(Oid relid, const definition::ColumnChanges &columns)
{
    List *messages = NIL;
    ListCell *cell, *object;
    foreach (cell, columns.dropped) {
        const char *column = strVal(lfirst(cell));
        messages =
            lappend(messages, psprintf("column \"%s\" of stream table \"%s\" is dropped", column, get_rel_name(relid)));
        foreach (object, definition::statistics_on_column(relid, get_attnum(relid, column)))
            messages = lappend(messages, psprintf("%s is dropped", static_cast<const char *>(lfirst(object))));
    }
    return messages;
}

} // namespace pgtrickle
