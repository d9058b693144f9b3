/*
 * The rule of the internal view follows a rename because it contains OIDs; the text in the options does not.
 * The affected stream tables are found by dependencies before the statement runs: stream tables whose own
 * text names the object get a new text, at once or when they are set up again; programs of stream tables that use the
 * object through views contain its name, and are invalidated. A renamed schema is part of the name of each object in
 * it.
 *
 * If a column of a stream table is renamed, also through its parent, the column is renamed in the storage and
 * in the internal view, too.
 */
#include "fdw/ddl/rename.hpp"

#include "definition/definition.hpp"
#include "definition/definition_view.hpp"
#include "definition/indirect_users.hpp"
#include "definition/option_row.hpp"
#include "definition/options.hpp"
#include "definition/query/altered_columns.hpp"
#include "definition/query/type_columns.hpp"
#include "definition/state/all_states.hpp"
#include "definition/state/state.hpp"
#include "definition/text_search_setting.hpp"
#include "fdw/ddl/dependency_changes.hpp"
#include "fdw/ddl/inherited_columns.hpp"
#include "fdw/definition/names_in_partition_by.hpp"
#include "fdw/definition/query_text.hpp"
#include "fdw/definition/redefinition.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/dependencies.hpp"
#include "setup/setup.hpp"
#include "storage/index_placement.hpp"
#include "storage/partitions.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/reloptions.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_type.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

#include <algorithm>

namespace pgtrickle {

namespace {

/* Stream tables that a rename affects. */
struct AffectedTables {
    List *by_text; /* their own text names the object */
    List *by_views;
    List *configurations; /* for each in by_text, that of its recorded setting, or InvalidOid; NIL: none is renamed */
    Oid relation;         /* the renamed relation, or the relation of the renamed column */
    List *moved;          /* stream tables: the relation, or members of a moved extension */
};

bool is_relation(ObjectType type)
{
    switch (type) {
    case OBJECT_TABLE:
    case OBJECT_VIEW:
    case OBJECT_MATVIEW:
    case OBJECT_FOREIGN_TABLE:
    case OBJECT_INDEX: /* ALTER INDEX renames relations of all kinds */
    case OBJECT_SEQUENCE:
    case OBJECT_COLUMN:
    case OBJECT_ATTRIBUTE: return true;
    default: return false;
    }
}

/* Returns true for kinds of objects that a query can name. */
bool is_nameable(ObjectType type)
{
    switch (type) {
    case OBJECT_AGGREGATE:
    case OBJECT_COLLATION:
    case OBJECT_DOMAIN:
    case OBJECT_FUNCTION:
    case OBJECT_OPERATOR:
    case OBJECT_PROCEDURE:
    case OBJECT_ROUTINE:
    case OBJECT_TSCONFIGURATION:
    case OBJECT_TSDICTIONARY:
    case OBJECT_TYPE: return true;
    default: return false;
    }
}

void add_users(AffectedTables *concerned, Oid class_id, Oid object_id)
{
    concerned->by_text = list_concat_unique_oid(concerned->by_text, definition::users_of(class_id, object_id, 0, true));
    concerned->by_views =
        list_concat_unique_oid(concerned->by_views, definition::users_of(class_id, object_id, 0, false));
}

/* The row type of a relation has the name of the relation, and those of its columns; an array type has the schema and
 * the name of its elements' type; a composite type is a relation, too. Indexes and owned sequences have the schema of
 * their table. */
void add_users_of_object(AffectedTables *concerned, const ObjectAddress &object)
{
    const bool is_class = object.classId == RelationRelationId, is_type = object.classId == TypeRelationId;
    add_users(concerned, object.classId, object.objectId);
    const Oid type = is_type ? object.objectId : is_class ? get_rel_type_id(object.objectId) : InvalidOid;
    for (const Oid one : {type, OidIsValid(type) ? get_array_type(type) : InvalidOid})
        if (OidIsValid(one))
            add_users(concerned, TypeRelationId, one);
    List *relations = is_class ? definition::relations_beside(object.objectId) : NIL;
    if (const Oid composite = is_type ? get_typ_typrelid(type) : InvalidOid; OidIsValid(composite))
        relations = list_make1_oid(composite);
    ListCell *cell;
    foreach (cell, relations)
        add_users(concerned, RelationRelationId, lfirst_oid(cell));
}

/* Stream tables in the schema also get another name. */
void add_users_of_schema(AffectedTables *concerned, Oid schema)
{
    ListCell *cell;
    foreach (cell, state::all_stream_tables()) {
        const Oid relid = lfirst_oid(cell);
        const definition::SchemaUse use = definition::use_of_schema(relid, schema);
        if (use == definition::SchemaUse::by_text)
            concerned->by_text = lappend_oid(concerned->by_text, relid);
        else if (use == definition::SchemaUse::by_views || get_rel_namespace(relid) == schema)
            concerned->by_views = lappend_oid(concerned->by_views, relid);
    }
}

/* To be called before the users are searched: one that is being defined would not be found, and keep the old name. The
 * current user must own the object, because others wait for the lock. */
void lock(ObjectType type, const ObjectAddress &address, ::Node *object)
{
    if (XactReadOnly || RecoveryInProgress())
        return;
    check_object_ownership(GetUserId(), type, address, object, nullptr);
    definition::lock_for_renaming(address.classId, address.objectId);
}

/* Returns the objects that are members of the extension (List of ObjectAddress). */
List *members_of_extension(Oid extension)
{
    List *members = NIL;
    visit_dependents(ExtensionRelationId, extension, [&](const FormData_pg_depend &found) {
        if (found.deptype != DEPENDENCY_EXTENSION)
            return;
        auto *member = static_cast<ObjectAddress *>(palloc(sizeof(ObjectAddress)));
        ObjectAddressSet(*member, found.classid, found.objid);
        members = lappend(members, member);
    });
    return members;
}

/* The objects of an extension move with it. */
void add_users_of_extension(AffectedTables *concerned, const ObjectAddress &extension, ::Node *name)
{
    lock(OBJECT_EXTENSION, extension, name);
    ListCell *cell;
    foreach (cell, members_of_extension(extension.objectId)) {
        const auto *member = static_cast<ObjectAddress *>(lfirst(cell));
        if (member->classId != RelationRelationId && !XactReadOnly && !RecoveryInProgress())
            definition::lock_for_renaming(member->classId, member->objectId);
        add_users_of_object(concerned, *member);
        if (member->classId == RelationRelationId && definition::is_stream_table(member->objectId)) {
            concerned->by_views = list_append_unique_oid(concerned->by_views, member->objectId);
            concerned->moved = lappend_oid(concerned->moved, member->objectId);
        }
    }
}

/* The extension finds its own objects by name: changes would not be captured, or not be found, under another one. An
 * update of the extension may rename them. */
void refuse_own(const ObjectAddress &address)
{
    const Oid extension = get_extension_oid("pg_trickle", true);
    if (!OidIsValid(extension) || (creating_extension && CurrentExtensionObject == extension))
        return;
    const bool is_own = address.classId == NamespaceRelationId && definition::is_reserved_schema(address.objectId);
    if (is_own || getExtensionOfObject(address.classId, address.objectId) == extension)
        ereport(ERROR, (errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
                        errmsg("cannot rename or move %s because extension %s requires it",
                               getObjectDescription(&address, false), get_extension_name(extension))));
}

/* The index of a constraint has its name. */
void add_users_of_constraint(AffectedTables *concerned, const RangeVar *table, const char *name)
{
    const Oid relid = RangeVarGetRelid(table, NoLock, true);
    const Oid constraint = OidIsValid(relid) ? get_relation_constraint_oid(relid, name, true) : InvalidOid;
    if (const Oid index = OidIsValid(constraint) ? get_constraint_index(constraint) : InvalidOid; OidIsValid(index))
        add_users(concerned, RelationRelationId, index);
}

/* `name` is that of a renamed schema or constraint. */
AffectedTables find_objects(ObjectType type, RangeVar *relation, ::Node *object, const char *name)
{
    AffectedTables concerned = {NIL, NIL, NIL, InvalidOid, NIL};
    if (type == OBJECT_TABCONSTRAINT) {
        add_users_of_constraint(&concerned, relation, name);
    } else if (is_relation(type) && relation != nullptr) {
        concerned.relation = RangeVarGetRelid(relation, NoLock, true);
        if (!OidIsValid(concerned.relation))
            return concerned;
        ObjectAddress address;
        ObjectAddressSet(address, RelationRelationId, concerned.relation);
        refuse_own(address);
        add_users_of_object(&concerned, address);
        if (definition::is_stream_table(concerned.relation))
            concerned.moved = list_make1_oid(concerned.relation);
    } else if (type == OBJECT_SCHEMA) {
        if (Oid oid = get_namespace_oid(name, true); OidIsValid(oid)) {
            ObjectAddress address;
            ObjectAddressSet(address, NamespaceRelationId, oid);
            refuse_own(address);
            lock(type, address, reinterpret_cast<::Node *>(makeString(pstrdup(name))));
            add_users_of_schema(&concerned, oid);
        }
    } else if (is_nameable(type) && object != nullptr) {
        Relation opened = nullptr;
        /* The statements name a type by a list, but get_object_address() expects a TypeName. */
        if ((type == OBJECT_TYPE || type == OBJECT_DOMAIN) && IsA(object, List))
            object = reinterpret_cast<::Node *>(makeTypeNameFromNameList(reinterpret_cast<List *>(object)));
        ObjectAddress address = get_object_address(type, object, &opened, AccessShareLock, true);
        if (opened != nullptr)
            table_close(opened, NoLock);
        if (OidIsValid(address.objectId)) {
            refuse_own(address);
            lock(type, address, object);
            add_users_of_object(&concerned, address);
        }
    } else if (type == OBJECT_EXTENSION) {
        ObjectAddress address;
        ObjectAddressSet(address, ExtensionRelationId, get_extension_oid(strVal(object), true));
        if (OidIsValid(address.objectId))
            add_users_of_extension(&concerned, address, object);
    } else if (type == OBJECT_FOREIGN_SERVER || type == OBJECT_FDW) {
        Relation opened = nullptr;
        const ObjectAddress address = get_object_address(type, object, &opened, AccessShareLock, true);
        if (OidIsValid(address.objectId))
            refuse_own(address);
    }
    return concerned;
}

/* Text search configurations have names of their own, and those of their schemas. */
AffectedTables find_affected(ObjectType type, RangeVar *relation, ::Node *object, const char *name)
{
    AffectedTables concerned = find_objects(type, relation, object, name);
    ListCell *cell;
    if (type == OBJECT_TSCONFIGURATION || type == OBJECT_SCHEMA || type == OBJECT_EXTENSION)
        foreach (cell, concerned.by_text)
            concerned.configurations =
                lappend_oid(concerned.configurations, definition::recorded_configuration(lfirst_oid(cell)));
    return concerned;
}

/* Writes the name of the configuration that a recorded setting means, if that has another name now. Nothing but the
 * text of the setting says which one that is, so this waits for who has locked the stream table. */
void follow_in_setting(Oid relid, Oid configuration)
{
    const bool is_true = !OidIsValid(configuration) || definition::recorded_configuration(relid) == configuration;
    if (!is_true && definition::lock_if_exists(relid, ShareUpdateExclusiveLock))
        write_option(relid, psprintf("%s%s", options::setting_prefix, definition::text_search_setting),
                     definition::configuration_name(configuration), DEFELEM_SET);
}

void follow(const AffectedTables &concerned)
{
    ListCell *cell;
    foreach (cell, concerned.configurations)
        follow_in_setting(list_nth_oid(concerned.by_text, foreach_current_index(cell)), lfirst_oid(cell));
    follow_names(concerned.by_text, concerned.by_views);
}

/* Renames a column of a storage, or of the internal view, in the catalog, because no statement can name these. The name
 * is unused, because the stream table's own columns have no conflict. */
void rename_column(Oid heap, const char *old_name, const char *new_name)
{
    LockRelationOid(heap, AccessExclusiveLock);
    HeapTuple tuple = SearchSysCacheCopyAttName(heap, old_name);
    if (!HeapTupleIsValid(tuple))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN), errmsg("storage has no column \"%s\"", old_name),
                        errhint("Run pgtrickle.repair_stream_table() on the stream table.")));
    Relation attributes = table_open(AttributeRelationId, RowExclusiveLock);
    namestrcpy(&reinterpret_cast<Form_pg_attribute>(GETSTRUCT(tuple))->attname, new_name);
    CatalogTupleUpdate(attributes, &tuple->t_self, tuple);
    table_close(attributes, RowExclusiveLock);
    CommandCounterIncrement();
}

void rename_storage_column(Oid relid, const char *old_name, const char *new_name)
{
    definition::check_column_name(new_name);
    Oid heap = storage::storage_of(relid);
    if (!OidIsValid(heap))
        return;
    rename_column(heap, old_name, new_name);
    if (!storage::is_partitioned(heap))
        return;
    ListCell *cell;
    foreach (cell, storage::row_heaps(heap))
        rename_column(lfirst_oid(cell), old_name, new_name);
}

/* Processes a renamed column of a stream table, or of a relation with which those of stream tables are renamed. */
void follow_column(Oid relation, const char *old_name, const char *new_name)
{
    ListCell *cell;
    foreach (cell, altered_with(relation)) {
        Oid relid = lfirst_oid(cell);
        if (!definition::is_stream_table(relid))
            continue;
        if (!has_columns_of_its_query(relid))
            ereport(ERROR,
                    (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                     errmsg("columns of stream table \"%s\" do not have the types of its query", get_rel_name(relid)),
                     errhint("Run pgtrickle.repair_stream_table() on it.")));
        rename_storage_column(relid, old_name, new_name);
        rename_column_in_partition_by(relid, old_name, new_name);
        rename_column(definition::view_of(relid), old_name, new_name);
        rewrite_text(relid);
        state::bump_generation(relid);
    }
}

void run(const UserStatement &utility, const AffectedTables &concerned)
{
    utility.run();
    CommandCounterIncrement();
    follow(concerned);
}

/* A column of a parent or of a type is renamed in other relations, too. They are known only when they are locked. */
void run_for_column(const UserStatement &utility, AffectedTables concerned)
{
    utility.run();
    CommandCounterIncrement();
    ListCell *cell;
    foreach (cell, OidIsValid(concerned.relation) ? altered_with(concerned.relation) : NIL)
        add_users_of_object(&concerned, {RelationRelationId, lfirst_oid(cell), 0});
    follow(concerned);
}

/* The indexes of a stream table are in its schema. PostgreSQL frame. */
void follow_to_schema(Oid relid)
{
    definition::refuse_reserved_schema(get_rel_namespace(relid));
    if (Oid storage = storage::storage_of(relid); OidIsValid(storage))
        storage::move_user_indexes(storage, get_rel_namespace(relid));
}

/* Processes a renamed label of an enumeration. PostgreSQL frame. */
void follow_label(Oid type)
{
    AffectedTables concerned = {NIL, NIL, NIL, InvalidOid, NIL};
    ListCell *cell;
    foreach (cell, definition::holders_of(type).types) /* a literal of a composite type has labels, too */
        add_users(&concerned, TypeRelationId, lfirst_oid(cell));
    follow(concerned);
}

} // namespace

void rename_object(const UserStatement &utility)
{
    auto *statement = reinterpret_cast<RenameStmt *>(utility.statement());
    AffectedTables concerned = call([=] {
        return find_affected(statement->renameType, statement->relation, statement->object, statement->subname);
    });
    const bool is_column = statement->renameType == OBJECT_COLUMN || statement->renameType == OBJECT_ATTRIBUTE;
    call([&] { is_column ? run_for_column(utility, concerned) : run(utility, concerned); });
    Oid relid = concerned.relation;
    if (OidIsValid(relid) && is_column) {
        call([=] { follow_column(relid, statement->subname, statement->newname); });
        note_row_type(relid);
    }
    mailbox::note_definition_change();
}

void move_object(const UserStatement &utility)
{
    auto *statement = reinterpret_cast<AlterObjectSchemaStmt *>(utility.statement());
    AffectedTables concerned =
        call([=] { return find_affected(statement->objectType, statement->relation, statement->object, nullptr); });
    call([&] {
        run(utility, concerned);
        ListCell *cell;
        foreach (cell, concerned.moved)
            follow_to_schema(lfirst_oid(cell));
    });
    mailbox::note_definition_change();
}

void alter_enumeration(const UserStatement &utility)
{
    auto *statement = reinterpret_cast<AlterEnumStmt *>(utility.statement());
    const Oid type = call([&] {
        TypeName *name = makeTypeNameFromNameList(statement->typeName);
        Oid found = LookupTypeNameOid(nullptr, name, true);
        if (OidIsValid(found)) {
            ObjectAddress address;
            ObjectAddressSet(address, TypeRelationId, found);
            lock(OBJECT_TYPE, address, reinterpret_cast<::Node *>(name));
        }
        utility.run();
        CommandCounterIncrement();
        return found;
    });
    if (!OidIsValid(type))
        return;
    mark_users_of_type(type, "an enumeration that it uses was altered");
    if (statement->oldVal == nullptr)
        return;
    call([=] { follow_label(type); });
    follow_labels_in_partition_by(type);
}

} // namespace pgtrickle
