#include "definition/definition_view.hpp"

#include "definition/definition.hpp"
#include "definition/query/output_columns.hpp"
#include "definition/query/printed_query.hpp"
#include "definition/query/released_queries.hpp"
#include "definition/query/rules_and_policies.hpp"
#include "definition/query/unrecorded_objects.hpp"
#include "definition/text_search_setting.hpp"
#include "pg/dependencies.hpp"
#include "pg/relation_row.hpp"
#include "pg/settings.hpp"
#include "pg/type_name.hpp"
#include "pg/versions/rights.hpp"
#include "pg/walker.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/heap.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_ts_config.h"
#include "catalog/pg_ts_dict.h"
#include "catalog/pg_type.h"
#include "commands/view.h"
#include "rewrite/rewriteHandler.h"
#include "rewrite/rewriteManip.h"
#include "rewrite/rewriteSupport.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"
}

namespace pgtrickle::definition {

namespace {

constexpr const char *schema_name = "pg_trickle_storage";

void view_name(Oid relid, char *name)
{
    snprintf(name, NAMEDATALEN, "def_%u", relid);
}

ObjectAddress relation_address(Oid relid)
{
    ObjectAddress address;
    ObjectAddressSet(address, RelationRelationId, relid);
    return address;
}

void drop_view(Oid relid, Oid view)
{
    /* With the INTERNAL dependency, performDeletion() would raise an error. */
    deleteDependencyRecordsForSpecific(RelationRelationId, view, DEPENDENCY_INTERNAL, RelationRelationId, relid);
    CommandCounterIncrement();
    ObjectAddress address = relation_address(view);
    performDeletion(&address, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
    CommandCounterIncrement();
}

Oid create_view(Oid relid, Query *query)
{
    char name[NAMEDATALEN];
    view_name(relid, name);
    Relation foreign_table = table_open(relid, NoLock);
    TupleDesc described = CreateTupleDescCopy(RelationGetDescr(foreign_table));
    table_close(foreign_table, NoLock);
    for (AttrNumber column = 1; column <= described->natts; column++)
        if (TupleDescAttr(described, column - 1)->attisdropped)
            TupleDescInitEntry(described, column, dropped_column(column).name, INT4OID, -1, 0);
    const Oid view = create_internal_relation({.name = name,
                                               .schema = get_namespace_oid(schema_name, false),
                                               .owner = owner_of_relation(relid),
                                               .columns = described,
                                               .kind = RELKIND_VIEW,
                                               .access_method = InvalidOid});
    StoreViewQuery(view, static_cast<Query *>(copyObjectImpl(query)), false);
    CommandCounterIncrement();
    ObjectAddress referencing = relation_address(view), referenced = relation_address(relid);
    recordDependencyOn(&referencing, &referenced, DEPENDENCY_INTERNAL);
    return view;
}

/* Returns the rule of a view, or InvalidOid if it has none. */
Oid rule_of(Oid view)
{
    return get_rewrite_oid(view, "_RETURN", true);
}

/* Returns the tables from which the foreign table inherits (List of OIDs). */
List *parents_of(Oid relid)
{
    List *parents = NIL;
    Relation inherits = table_open(InheritsRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
    SysScanDesc scan = systable_beginscan(inherits, InheritsRelidSeqnoIndexId, true, nullptr, 1, &key);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext(scan)))
        parents = lappend_oid(parents, reinterpret_cast<Form_pg_inherits>(GETSTRUCT(tuple))->inhparent);
    systable_endscan(scan);
    table_close(inherits, AccessShareLock);
    return parents;
}

/* Whether a dependency of the foreign table as a whole is one that PostgreSQL records: on its schema, its server or
 * a table from which it inherits. */
bool is_of_core(const FormData_pg_depend &form, const List *parents)
{
    return form.refclassid == NamespaceRelationId || form.refclassid == ForeignServerRelationId ||
           (form.refclassid == RelationRelationId && list_member_oid(parents, form.refobjid));
}

/* Removes the dependencies of the foreign table as a whole that store_query() recorded. A query reads no table from
 * which its stream table inherits, so these dependencies are PostgreSQL's own. */
void forget_query_dependencies(Oid relid)
{
    const List *parents = parents_of(relid);
    Relation depend = table_open(DependRelationId, RowExclusiveLock);
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], Anum_pg_depend_classid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(RelationRelationId));
    ScanKeyInit(&keys[1], Anum_pg_depend_objid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
    SysScanDesc scan = systable_beginscan(depend, DependDependerIndexId, true, nullptr, 2, keys);
    while (HeapTuple row = systable_getnext(scan)) {
        const auto *form = reinterpret_cast<Form_pg_depend>(GETSTRUCT(row));
        if (form->objsubid == 0 && form->deptype == DEPENDENCY_NORMAL && !is_of_core(*form, parents))
            CatalogTupleDelete(depend, &row->t_self);
    }
    systable_endscan(scan);
    table_close(depend, RowExclusiveLock);
    CommandCounterIncrement();
}

Oid namespace_of(Oid class_id, Oid object_id)
{
    if (class_id == NamespaceRelationId)
        return object_id;
    const int cache = is_objectclass_supported(class_id) ? get_object_catcache_oid(class_id) : -1;
    const AttrNumber column = cache != -1 ? get_object_attnum_namespace(class_id) : InvalidAttrNumber;
    if (column == InvalidAttrNumber)
        return InvalidOid;
    HeapTuple tuple = SearchSysCache1(cache, ObjectIdGetDatum(object_id));
    if (!HeapTupleIsValid(tuple))
        return InvalidOid;
    bool is_null;
    const Oid found = DatumGetObjectId(SysCacheGetAttr(cache, tuple, column, &is_null));
    ReleaseSysCache(tuple);
    return found;
}

bool is_locked_in_use(Oid class_id)
{
    return class_id == ProcedureRelationId || class_id == OperatorRelationId || class_id == TSConfigRelationId ||
           class_id == TSDictionaryRelationId || class_id == TypeRelationId || class_id == CollationRelationId;
}

/* It would be dropped at the end of the session, and the stream table with it. */
void refuse_temporary(Oid class_id, Oid object_id)
{
    const ObjectAddress object = {class_id, object_id, 0};
    const char *kind = getObjectTypeDescription(&object, false);
    ereport(ERROR,
            (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("a temporary %s cannot be used by a stream table", kind),
             errdetail("It is dropped at the end of the session, and so would be the stream table."),
             errhint("Create the %s in another schema.", kind)));
}

/* Other relations are locked as they are read. */
void lock_what_is_used(Oid view)
{
    List *views = list_make1_oid(view), *used = NIL;
    for (int i = 0; i < list_length(views); i++)
        visit_referenced(RewriteRelationId, rule_of(list_nth_oid(views, i)), [&](const FormData_pg_depend &form) {
            if (form.refclassid == RelationRelationId && get_rel_relkind(form.refobjid) == RELKIND_VIEW)
                views = list_append_unique_oid(views, form.refobjid);
            else if (is_locked_in_use(form.refclassid))
                used = lappend_oid(lappend_oid(used, form.refclassid), form.refobjid);
            const Oid schema = namespace_of(form.refclassid, form.refobjid);
            if (isAnyTempNamespace(schema))
                refuse_temporary(form.refclassid, form.refobjid);
            if (OidIsValid(schema))
                used = lappend_oid(lappend_oid(used, NamespaceRelationId), schema);
        });
    for (int i = 0; i < list_length(used); i += 2) {
        const Oid class_id = list_nth_oid(used, i), object_id = list_nth_oid(used, i + 1);
        if (class_id == TypeRelationId)
            lock_names_of_type(object_id);
        else
            LockDatabaseObject(class_id, object_id, 0, RowExclusiveLock);
    }
}

/* Makes the foreign table depend on each whole object on which the view's rule depends. */
void copy_rule_dependencies(Oid relid, Oid view)
{
    ObjectAddresses *addresses = new_object_addresses();
    visit_referenced(RewriteRelationId, rule_of(view), [=](const FormData_pg_depend &form) {
        if (form.deptype != DEPENDENCY_NORMAL || (form.refclassid == RelationRelationId && form.refobjid == view))
            return;
        ObjectAddress referenced;
        ObjectAddressSet(referenced, form.refclassid, form.refobjid);
        add_exact_object_address(&referenced, addresses);
    });
    ObjectAddress referencing = relation_address(relid);
    record_object_address_dependencies(&referencing, addresses, DEPENDENCY_NORMAL);
    free_object_addresses(addresses);
    CommandCounterIncrement();
}

bool collect_named(::Node *node, void *context)
{
    auto *found = static_cast<List **>(context);
    if (node == nullptr)
        return false;
    if (IsA(node, RangeTblEntry)) {
        auto *entry = reinterpret_cast<RangeTblEntry *>(node);
        if (entry->rtekind == RTE_RELATION)
            *found = list_append_unique_oid(*found, entry->relid);
        return false;
    }
    if (IsA(node, Query))
        return walk_query(reinterpret_cast<Query *>(node), collect_named, found, QTW_EXAMINE_RTES_BEFORE);
    return walk_expression(node, collect_named, found);
}

/* Returns the stream table whose internal view this is, or InvalidOid for any other relation. */
Oid stream_table_of_view(Oid view)
{
    if (get_rel_namespace(view) != get_namespace_oid(schema_name, true))
        return InvalidOid;
    char *name = get_rel_name(view);
    Oid relid;
    return name != nullptr && sscanf(name, "def_%u", &relid) == 1 ? relid : InvalidOid;
}

/* Returns the views, materialized or not, whose rules refer to the object, and unless `directly`, the tables whose
 * policies do. */
List *relations_with_code_on(Oid class_id, Oid object_id, int sub_id, bool directly)
{
    List *relations = NIL;
    visit_dependents(class_id, object_id, [&](const FormData_pg_depend &form) {
        if (sub_id != 0 && form.refobjsubid != sub_id)
            return;
        const bool is_policy = !directly && form.classid == PolicyRelationId;
        const Oid relation = form.classid == RewriteRelationId ? relation_of_rule(form.objid)
                             : is_policy                       ? table_of_policy(form.objid)
                                                               : InvalidOid;
        const bool is_itself = class_id == RelationRelationId && relation == object_id && !is_policy;
        if (OidIsValid(relation) && !is_itself)
            relations = list_append_unique_oid(relations, relation);
    });
    return relations;
}

} // namespace

Oid view_of(Oid relid)
{
    char name[NAMEDATALEN];
    view_name(relid, name);
    return get_relname_relid(name, get_namespace_oid(schema_name, true));
}

void store_query(Oid relid, Query *query)
{
    Oid view = view_of(relid);
    if (OidIsValid(view))
        drop_view(relid, view);
    view = create_view(relid, query);
    depend_on_unrecorded(rule_of(view), query, recorded_configuration(relid));
    forget_query_dependencies(relid);
    copy_rule_dependencies(relid, view);
    lock_what_is_used(view);
}

void lock_for_redefinition(Oid class_id, Oid object_id)
{
    LockDatabaseObject(class_id, object_id, 0, ShareLock);
}

void lock_for_renaming(Oid class_id, Oid object_id)
{
    LockDatabaseObject(class_id, object_id, 0, ShareRowExclusiveLock);
}

Query *query_of(Oid relid)
{
    ReleasedQueries::refuse(relid);
    Relation view; /* one that is replaced meanwhile is looked up again */
    do {
        if (!OidIsValid(view_of(relid)))
            ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                            errmsg("definition of stream table \"%s\" is missing", get_rel_name(relid)),
                            errhint("Drop the stream table and create it again.")));
    } while ((view = try_table_open(view_of(relid), AccessShareLock)) == nullptr);
    auto *query = static_cast<Query *>(copyObjectImpl(get_view_query(view)));
    table_close(view, AccessShareLock);
    query->rtable = list_copy_tail(query->rtable, rule_entries);
    OffsetVarNodes(reinterpret_cast<::Node *>(query), -rule_entries, 0);
    ListCell *cell;
    foreach (cell, query->targetList) {
        auto *target = static_cast<TargetEntry *>(lfirst(cell));
        if (!target->resjunk && !is_dropped_column(target->resname))
            target->resname = get_attname(relid, target->resno, false);
    }
    return query;
}

char *canonical_text(Query *query)
{
    int level = NewGUCNestLevel();
    set_text_settings();
    Query *copy = static_cast<Query *>(copyObjectImpl(query));
    remove_dropped_columns(copy);
    remove_casts(copy); /* before merged columns of joins are written out, whose casts are parts of the query */
    copy = in_printed_form(copy);
    name_first_branch(copy);
    char *text = pg_get_querydef(copy, false);
    AtEOXact_GUC(false, level);
    while (*text == ' ')
        text++;
    return text;
}

List *relations_named(Query *query)
{
    List *relids = NIL;
    collect_named(reinterpret_cast<::Node *>(query), &relids);
    return relids;
}

List *relations_depended_on(Oid relid)
{
    List *relids = NIL;
    visit_referenced(RelationRelationId, relid, [&](const FormData_pg_depend &form) {
        if (form.objsubid == 0 && form.deptype == DEPENDENCY_NORMAL && form.refclassid == RelationRelationId)
            relids = list_append_unique_oid(relids, form.refobjid);
    });
    list_sort(relids, list_oid_cmp);
    return relids;
}

namespace {

/* Returns whether the rule of the view uses an object of the schema, and adds the views that the rule reads
 * to `views`. */
bool rule_uses_schema(Oid view, Oid schema, List **views)
{
    bool is_used = false;
    visit_referenced(RewriteRelationId, rule_of(view), [&](const FormData_pg_depend &form) {
        if (form.refclassid == RelationRelationId && form.refobjid == view)
            return;
        is_used = is_used || namespace_of(form.refclassid, form.refobjid) == schema;
        if (form.refclassid == RelationRelationId && get_rel_relkind(form.refobjid) == RELKIND_VIEW)
            *views = list_append_unique_oid(*views, form.refobjid);
    });
    return is_used;
}

} // namespace

SchemaUse use_of_schema(Oid relid, Oid schema)
{
    const Oid view = view_of(relid);
    List *views = NIL;
    if (OidIsValid(view) && rule_uses_schema(view, schema, &views))
        return SchemaUse::by_text;
    for (int i = 0; i < list_length(views); i++)
        if (rule_uses_schema(list_nth_oid(views, i), schema, &views))
            return SchemaUse::by_views;
    return SchemaUse::none;
}

namespace {

int by_object(const ListCell *a, const ListCell *b)
{
    const auto &left = *static_cast<FormData_pg_depend *>(lfirst(a));
    const auto &right = *static_cast<FormData_pg_depend *>(lfirst(b));
    return left.objid < right.objid ? -1 : left.objid > right.objid;
}

/* Returns what name() returns for each object that depends on the column, in the order in which they were created;
 * names that are null are left out. */
List *names_of_dependents(Oid relid, AttrNumber column, const char *(*name)(const FormData_pg_depend &))
{
    List *dependents = NIL, *names = NIL;
    visit_dependents(RelationRelationId, relid, [&](const FormData_pg_depend &form) {
        if (form.refobjsubid != column)
            return;
        auto *dependent = static_cast<FormData_pg_depend *>(palloc(sizeof(form)));
        *dependent = form;
        dependents = lappend(dependents, dependent);
    });
    list_sort(dependents, by_object);
    for (int i = 0; i < list_length(dependents); i++)
        if (const char *found = name(*static_cast<FormData_pg_depend *>(list_nth(dependents, i))))
            names = lappend(names, const_cast<char *>(found));
    return names;
}

} // namespace

List *readers_of_column(Oid relid, AttrNumber column)
{
    return names_of_dependents(relid, column, [](const FormData_pg_depend &form) -> const char * {
        if (form.deptype != DEPENDENCY_NORMAL)
            return nullptr;
        ObjectAddress reader = {form.classid, form.objid, form.objsubid};
        if (form.classid == RewriteRelationId)
            reader = relation_address(relation_of_rule(form.objid));
        const Oid stream_table =
            reader.classId == RelationRelationId ? stream_table_of_view(reader.objectId) : InvalidOid;
        return OidIsValid(stream_table) ? psprintf("stream table %s", qualified_name(stream_table))
                                        : getObjectDescription(&reader, false);
    });
}

List *statistics_on_column(Oid relid, AttrNumber column)
{
    return names_of_dependents(relid, column, [](const FormData_pg_depend &form) -> const char * {
        const ObjectAddress object = {form.classid, form.objid, form.objsubid};
        return form.classid == StatisticExtRelationId ? getObjectDescription(&object, false) : nullptr;
    });
}

List *users_of_views(List *views, bool directly)
{
    List *users = NIL, *open_views = list_copy(views), *seen = NIL;
    while (open_views != NIL) {
        Oid view = linitial_oid(open_views);
        open_views = list_delete_first(open_views);
        if (list_member_oid(seen, view))
            continue;
        seen = lappend_oid(seen, view);
        Oid relid = stream_table_of_view(view);
        if (OidIsValid(relid))
            users = list_append_unique_oid(users, relid);
        else if (!directly)
            open_views = list_concat(open_views, relations_with_code_on(RelationRelationId, view, 0, false));
    }
    list_sort(users, list_oid_cmp);
    return users;
}

List *users_of(Oid class_id, Oid object_id, int sub_id, bool directly)
{
    return users_of_views(relations_with_code_on(class_id, object_id, sub_id, directly), directly);
}

} // namespace pgtrickle::definition
