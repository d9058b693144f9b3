#include "fdw/ddl/inherited_columns.hpp"

#include "capture/source/inheritance.hpp"
#include "definition/definition.hpp"
#include "definition/query/output_columns.hpp"
#include "fdw/scan/served_relation.hpp"
#include "pg/versions/rights.hpp"
#include "refresh/code/compile_right.hpp"
#include "refresh/program/compiled.hpp"
#include "storage/column_settings.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "fdw/definition/alter_commands.hpp"
#include "nodes/nodeFuncs.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
}

namespace pgtrickle {

namespace {

bool would_be_dropped(Oid child, const char *name)
{
    HeapTuple tuple = SearchSysCacheAttName(child, name);
    if (!HeapTupleIsValid(tuple))
        return false;
    auto *column = reinterpret_cast<Form_pg_attribute>(GETSTRUCT(tuple));
    const bool is_only_inherited = column->attinhcount <= 1 && !column->attislocal;
    ReleaseSysCache(tuple);
    return is_only_inherited;
}

} // namespace

List *typed_tables_of(Oid composite)
{
    List *tables = NIL;
    Relation classes = table_open(RelationRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_class_reloftype, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(get_rel_type_id(composite)));
    SysScanDesc scan = systable_beginscan(classes, InvalidOid, false, nullptr, 1, &key);
    for (HeapTuple tuple; HeapTupleIsValid(tuple = systable_getnext(scan));)
        tables = lappend_oid(tables, reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->oid);
    systable_endscan(scan);
    table_close(classes, AccessShareLock);
    list_sort(tables, list_oid_cmp);
    return tables;
}

List *altered_with(Oid relid)
{
    List *relations = list_make1_oid(relid);
    if (get_rel_relkind(relid) == RELKIND_COMPOSITE_TYPE)
        relations = list_concat(relations, typed_tables_of(relid));
    List *altered = NIL;
    ListCell *cell;
    foreach (cell, relations)
        altered = list_concat_unique_oid(altered, capture::tree_of(lfirst_oid(cell), NoLock));
    return altered;
}

void check_dropping_from_parent(Oid relid, const AlterTableStmt *statement)
{
    const bool is_recursive = statement->objtype == OBJECT_TYPE || statement->relation->inh;
    if (!owns_relation(relid) || !is_recursive)
        return;
    ListCell *cell, *child;
    foreach (cell, statement->cmds) {
        auto *command = static_cast<AlterTableCmd *>(lfirst(cell));
        if (command->subtype != AT_DropColumn)
            continue;
        foreach (child, capture::tree_of(relid, NoLock))
            if (definition::is_stream_table(lfirst_oid(child)) && would_be_dropped(lfirst_oid(child), command->name))
                ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                                errmsg("cannot drop column \"%s\" of stream table \"%s\"", command->name,
                                       get_rel_name(lfirst_oid(child))),
                                errdetail("Its columns are defined by its query, and it inherits this column."),
                                errhint("Detach the stream table first.")));
    }
}

namespace {

/* Returns the name of a constraint of the stream table, or null if it has none. */
const char *constraint_of(Oid relid)
{
    Relation constraints = table_open(ConstraintRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_constraint_conrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
    SysScanDesc scan = systable_beginscan(constraints, ConstraintRelidTypidNameIndexId, true, nullptr, 1, &key);
    HeapTuple tuple = systable_getnext(scan);
    const char *name = HeapTupleIsValid(tuple)
                           ? pstrdup(NameStr(reinterpret_cast<Form_pg_constraint>(GETSTRUCT(tuple))->conname))
                           : nullptr;
    systable_endscan(scan);
    table_close(constraints, AccessShareLock);
    return name;
}

/* Returns the name of a column that is NOT NULL, or null if there is none. */
const char *not_null_column_of(Oid relid)
{
    const char *name = nullptr;
    Relation table = table_open(relid, AccessShareLock);
    for (int i = 0; i < RelationGetNumberOfAttributes(table) && name == nullptr; i++)
        if (Form_pg_attribute column = TupleDescAttr(RelationGetDescr(table), i); column->attnotnull)
            name = pstrdup(NameStr(column->attname));
    table_close(table, AccessShareLock);
    return name;
}

} // namespace

void check_inherited_constraints(Oid relid)
{
    const bool is_partitioned = get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE;
    ListCell *cell;
    foreach (cell, capture::tree_of(relid, NoLock)) {
        if (lfirst_oid(cell) == relid || !definition::is_stream_table(lfirst_oid(cell)))
            continue;
        const char *column = not_null_column_of(lfirst_oid(cell));
        const char *constraint = column == nullptr ? constraint_of(lfirst_oid(cell)) : nullptr;
        if (column == nullptr && constraint == nullptr)
            continue;
        const char *stream_table = get_rel_name(lfirst_oid(cell));
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        column != nullptr
                            ? errmsg("cannot set column \"%s\" of stream table \"%s\" NOT NULL", column, stream_table)
                            : errmsg("cannot add constraint \"%s\" to stream table \"%s\"", constraint, stream_table),
                        errdetail("The planner would rely on it, and the rows of a stream table are not checked."),
                        is_partitioned      ? errhint("Detach the stream table first.")
                        : column != nullptr ? errhint("Use ALTER TABLE ONLY.")
                                            : errhint("Use NO INHERIT.")));
    }
}

bool has_columns_of_its_query(Oid relid)
{
    Query *query = definition::query_of(relid);
    Relation table = table_open(relid, AccessShareLock);
    bool is_fitting = true;
    ListCell *cell;
    foreach (cell, query->targetList) {
        auto *target = static_cast<TargetEntry *>(lfirst(cell));
        if (target->resjunk || definition::is_dropped_column(target->resname))
            continue;
        Form_pg_attribute column = TupleDescAttr(RelationGetDescr(table), target->resno - 1);
        auto *value = reinterpret_cast<::Node *>(target->expr);
        if (column->attisdropped)
            ereport(ERROR,
                    (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                     errmsg("stream table \"%s\" lacks column %d of its query", get_rel_name(relid), target->resno),
                     errdetail("The column was dropped with a column of a parent table or of the type of the table."),
                     errhint("Drop the stream table, and create it again without the column.")));
        is_fitting &= column->atttypid == exprType(value) && column->attcollation == exprCollation(value) &&
                      (column->atttypmod == -1 || column->atttypmod == exprTypmod(value));
    }
    table_close(table, AccessShareLock);
    return is_fitting;
}

namespace {

/* Returns the stream tables among the inheritance descendants of relid. PostgreSQL frame. */
List *stream_table_descendants(Oid relid)
{
    List *found = NIL;
    ListCell *cell;
    foreach (cell, capture::tree_of(relid, NoLock))
        if (definition::is_stream_table(lfirst_oid(cell)))
            found = lappend_oid(found, lfirst_oid(cell));
    return found;
}

bool is_setting_columns(const AlterTableStmt *statement)
{
    ListCell *cell;
    foreach (cell, statement->cmds)
        switch (lfirst_node(AlterTableCmd, cell)->subtype) {
        case AT_SetStatistics:
        case AT_SetOptions:
        case AT_ResetOptions:
        case AT_SetStorage: return true;
        default: break;
        }
    return false;
}

bool is_as_declared(Oid relid)
{
    return call([=] { return has_columns_of_its_query(relid); }) &&
           (!refresh::may_compile_here(relid) || refresh::has_current_layout(relid)) &&
           call([=] { return fits_its_storage(relid); });
}

} // namespace

void follow_column_settings(Oid relid, const AlterTableStmt *statement)
{
    if (!is_setting_columns(statement))
        return;
    ListCell *cell;
    foreach (cell, stream_table_descendants(relid)) {
        const Oid child = lfirst_oid(cell);
        const Oid storage = enter([=] { return storage::storage_of(child); });
        if (OidIsValid(storage))
            storage::copy_column_settings(child, storage);
    }
}

std::vector<Oid> retyped_children(Oid relid, const AlterTableStmt *statement)
{
    std::vector<Oid> retyped;
    if (!OidIsValid(relid) || !has_command(statement, AT_AlterColumnType))
        return retyped;
    List *children = call([=] { return stream_table_descendants(relid); });
    ListCell *cell;
    foreach (cell, children)
        if (!is_as_declared(lfirst_oid(cell)))
            retyped.push_back(lfirst_oid(cell));
    return retyped;
}

} // namespace pgtrickle
