/*
 * A query that uses an operator or an aggregate depends on the operator or aggregate, and only that depends
 * on its functions; the same is true of a function with a parsed body. So pg_depend is followed from the
 * object up to the rules. It has no rows for pinned objects, such as the dictionary "simple", nor for a text search
 * object that an expression computes, as in to_tsvector(t.config, t.body); for these, pg_ts_config_map and the stored
 * rules and policies are searched.
 */
#include "definition/indirect_users.hpp"

#include "definition/definition.hpp"
#include "definition/definition_view.hpp"
#include "definition/query/rules_and_policies.hpp"
#include "definition/state/all_states.hpp"
#include "definition/state/state.hpp"
#include "definition/text_search_setting.hpp"
#include "pg/dependencies.hpp"
#include "pg/walker.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/catalog.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_index.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_ts_config.h"
#include "catalog/pg_ts_config_map.h"
#include "catalog/pg_ts_dict.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "nodes/readfuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
}

namespace pgtrickle::definition {

namespace {

/* Adds an object to the objects found (List of ObjectAddress), each of which is in the list once, in the
 * order in which they are examined. */
void add(List **objects, Oid class_id, Oid object_id)
{
    ListCell *cell;
    foreach (cell, *objects) {
        auto *known = static_cast<ObjectAddress *>(lfirst(cell));
        if (known->classId == class_id && known->objectId == object_id)
            return;
    }
    auto *address = static_cast<ObjectAddress *>(palloc(sizeof(ObjectAddress)));
    ObjectAddressSet(*address, class_id, object_id);
    *objects = lappend(*objects, address);
}

bool passes_meaning_on(Oid class_id)
{
    return class_id == ProcedureRelationId || class_id == OperatorRelationId || class_id == PolicyRelationId;
}

void add_dependents(List **objects, const ObjectAddress &object)
{
    visit_dependents(object.classId, object.objectId, [=](const FormData_pg_depend &form) {
        if (passes_meaning_on(form.classid))
            add(objects, form.classid, form.objid);
    });
}

void add_configurations_with(List **objects, Oid dictionary)
{
    Relation map = table_open(TSConfigMapRelationId, AccessShareLock);
    SysScanDesc scan = systable_beginscan(map, InvalidOid, false, nullptr, 0, nullptr);
    while (HeapTuple tuple = systable_getnext(scan)) {
        auto *form = reinterpret_cast<Form_pg_ts_config_map>(GETSTRUCT(tuple));
        if (form->mapdict == dictionary)
            add(objects, TSConfigRelationId, form->mapcfg);
    }
    systable_endscan(scan);
    table_close(map, AccessShareLock);
}

/* Returns whether an argument of the call may be any object of the type. */
bool has_computed_argument(const FuncExpr *call, Oid type)
{
    ListCell *cell;
    foreach (cell, call->args) {
        auto *argument = static_cast<::Node *>(lfirst(cell));
        if (!IsA(argument, Const) && exprType(argument) == type)
            return true;
    }
    return false;
}

bool may_use(::Node *node, void *context)
{
    if (node == nullptr)
        return false;
    auto *object = static_cast<const ObjectAddress *>(context);
    const Oid type = object->classId == TSConfigRelationId ? REGCONFIGOID : REGDICTIONARYOID;
    if (IsA(node, Const)) {
        auto *constant = reinterpret_cast<Const *>(node);
        return constant->consttype == type && !constant->constisnull &&
               DatumGetObjectId(constant->constvalue) == object->objectId;
    }
    if (IsA(node, FuncExpr) && has_computed_argument(castNode(FuncExpr, node), type))
        return true;
    if (IsA(node, Query))
        return walk_query(reinterpret_cast<Query *>(node), may_use, context, 0);
    return walk_expression(node, may_use, context);
}

/* Returns whether a stored expression or query, a pg_node_tree, names the object or may compute it. */
bool may_use(Datum stored, ObjectAddress *object)
{
    return may_use(static_cast<::Node *>(stringToNode(TextDatumGetCString(stored))), object);
}

/* Returns the relations in the rows of `catalog` whose column `tree` names the object or may compute it. */
List *relations_using(ObjectAddress *object, Oid catalog, AttrNumber relation, AttrNumber tree)
{
    List *relations = NIL;
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "stored queries", ALLOCSET_DEFAULT_SIZES);
    Relation table = table_open(catalog, AccessShareLock);
    SysScanDesc scan = systable_beginscan(table, InvalidOid, false, nullptr, 0, nullptr);
    while (HeapTuple tuple = systable_getnext(scan)) {
        bool is_null;
        const Datum stored = heap_getattr(tuple, tree, RelationGetDescr(table), &is_null);
        if (is_null)
            continue;
        MemoryContext previous = MemoryContextSwitchTo(context);
        const bool is_used = may_use(stored, object);
        MemoryContextSwitchTo(previous);
        MemoryContextReset(context);
        if (is_used) {
            const Datum oid = heap_getattr(tuple, relation, RelationGetDescr(table), &is_null);
            relations = lappend_oid(relations, DatumGetObjectId(oid));
        }
    }
    systable_endscan(scan);
    table_close(table, AccessShareLock);
    MemoryContextDelete(context);
    return relations;
}

/* Reads all rules and policies, and locks no relation: their owners could delay the statement. */
List *users_by_expressions(ObjectAddress *object)
{
    List *users = users_of_views(
        relations_using(object, RewriteRelationId, Anum_pg_rewrite_ev_class, Anum_pg_rewrite_ev_action), false);
    ListCell *cell;
    foreach (cell, relations_using(object, PolicyRelationId, Anum_pg_policy_polrelid, Anum_pg_policy_polqual))
        users = list_concat_unique_oid(users, users_of(RelationRelationId, lfirst_oid(cell), 0, false));
    const bool is_pinned_configuration =
        object->classId == TSConfigRelationId && IsPinnedObject(object->classId, object->objectId);
    foreach (cell, is_pinned_configuration ? state::all_stream_tables() : NIL)
        if (is_stream_table(lfirst_oid(cell)) && recorded_configuration(lfirst_oid(cell)) == object->objectId)
            users = list_append_unique_oid(users, lfirst_oid(cell));
    return users;
}

bool is_of_text_search(Oid class_id)
{
    return class_id == TSConfigRelationId || class_id == TSDictionaryRelationId;
}

List *direct_users(ObjectAddress *object)
{
    if (object->classId == PolicyRelationId)
        return users_of(RelationRelationId, table_of_policy(object->objectId), 0, false);
    List *users = users_of(object->classId, object->objectId, 0, false);
    if (is_of_text_search(object->classId))
        users = list_concat_unique_oid(users, users_by_expressions(object));
    return users;
}

} // namespace

List *users_of_functions_with(const List *types)
{
    List *functions = NIL, *users = NIL;
    ListCell *cell;
    foreach (cell, types)
        visit_dependents(TypeRelationId, lfirst_oid(cell), [&](const FormData_pg_depend &form) {
            if (form.classid == ProcedureRelationId)
                functions = list_append_unique_oid(functions, form.objid);
        });
    foreach (cell, functions)
        users = list_concat_unique_oid(users, indirect_users_of(ProcedureRelationId, lfirst_oid(cell)));
    return users;
}

List *indirect_users_of(Oid class_id, Oid object_id)
{
    List *users = NIL, *objects = NIL;
    add(&objects, class_id, object_id);
    for (int i = 0; i < list_length(objects); i++) {
        auto *object = static_cast<ObjectAddress *>(list_nth(objects, i));
        lock_for_redefinition(object->classId, object->objectId);
        users = list_concat_unique_oid(users, direct_users(object));
        add_dependents(&objects, *object);
        if (object->classId == TSDictionaryRelationId)
            add_configurations_with(&objects, object->objectId);
    }
    list_sort(users, list_oid_cmp);
    return users;
}

List *relations_beside(Oid relid)
{
    List *beside = getOwnedSequences(relid);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_index_indrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
    Relation indexes = table_open(IndexRelationId, AccessShareLock);
    SysScanDesc scan = systable_beginscan(indexes, IndexIndrelidIndexId, true, nullptr, 1, &key);
    while (HeapTuple row = systable_getnext(scan))
        beside = lappend_oid(beside, reinterpret_cast<Form_pg_index>(GETSTRUCT(row))->indexrelid);
    systable_endscan(scan);
    table_close(indexes, AccessShareLock);
    return beside;
}

} // namespace pgtrickle::definition
