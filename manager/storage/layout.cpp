#include "storage/layout.hpp"

#include "definition/storage_parameters.hpp"
#include "pg/internal_query.hpp"
#include "pg/relation_row.hpp"
#include "pg/rights.hpp"
#include "pg/settings.hpp"
#include "pg/type_name.hpp"
#include "pg/versions/heaps.hpp"
#include "pg/versions/rights.hpp"
#include "storage/adopted_index.hpp"
#include "storage/partitions.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/reloptions.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/heap.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_am.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/toasting.h"
#include "commands/tablespace.h"
#include "nodes/makefuncs.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

#include <algorithm>

namespace pgtrickle::storage {

namespace {

/* The name of the index by which rows are found is that of the heap with a suffix: whether its columns are a key, or
 * rows of several inputs may share their values. */
constexpr const char *key_suffix = "_key";
constexpr const char *shared_key_suffix = "_shared_key";

/* ---- the heap; PostgreSQL frames ------------------------------------------------------ */

TupleDesc columns_of(const engine::Step &step)
{
    const bool has_hash = step.found_by.empty();
    TupleDesc columns = CreateTemplateTupleDesc(static_cast<int>(step.columns.size()) + has_hash);
    AttrNumber number = 0;
    for (const engine::ArrangementColumn &column : step.columns)
        describe_column(columns, ++number, column.column);
    if (has_hash) {
        TupleDescInitEntry(columns, ++number, "pgt_hash", INT8OID, -1, 0);
        set_not_null(columns, number);
    }
    return columns;
}

/* Returns the options of a heap (pg_class.reloptions). Groups are updated in place, and a HOT update needs room on the
 * page. */
Datum heap_options(bool is_of_groups)
{
    if (!is_of_groups)
        return static_cast<Datum>(0);
    DefElem *fillfactor = makeDefElem(pstrdup("fillfactor"), reinterpret_cast<::Node *>(makeInteger(90)), -1);
    return transformRelOptions(static_cast<Datum>(0), list_make1(fillfactor), nullptr, nullptr, false, false);
}

/* The heap of a step, or a partitioned table in its place. */
Oid create_heap_of(Oid relid, const char *name, const engine::Step &step, const PartitionBy &by,
                   const PartitionColumns &partition_columns, Oid tablespace)
{
    const Datum options = heap_options(step.layout == engine::Layout::groups);
    if (!by.is_partitioned())
        return create_heap(relid, name, columns_of(step), RELKIND_RELATION, tablespace, options);
    const Oid heap =
        create_heap(relid, name, columns_of(step), RELKIND_PARTITIONED_TABLE, tablespace, static_cast<Datum>(0));
    begin_partitions(relid, heap, partition_columns, by, options);
    return heap;
}

/* ---- its indexes; PostgreSQL frames --------------------------------------------------- */

IndexElem *index_element(Relation heap, const char *term, bool is_column, const QueryParts &parts)
{
    IndexElem *element = makeNode(IndexElem);
    if (is_column)
        element->name = pstrdup(term);
    else
        element->expr = analyze_internal_expression(term, parts, heap);
    element->ordering = SORTBY_DEFAULT;
    element->nulls_ordering = SORTBY_NULLS_DEFAULT;
    return element;
}

/* Places the index in the tablespace of its heap, independent of the session's settings. */
IndexStmt *index_statement(Relation heap, const char *access_method)
{
    IndexStmt *statement = makeNode(IndexStmt);
    statement->relation = makeRangeVar(pstrdup(schema_name), pstrdup(RelationGetRelationName(heap)), -1);
    statement->accessMethod = pstrdup(access_method);
    statement->tableSpace = tablespace_of_indexes(RelationGetRelid(heap));
    statement->transformed = true;
    return statement;
}

void define(Oid heap, IndexStmt *statement)
{
    define_index(heap, statement, false);
    CommandCounterIncrement();
}

/* A group has one row, whatever its sources contain; a key of rows holds only as long as a constraint of their source.
 * The planner omits a join with a group by its key. PostgreSQL enforces uniqueness across partitions only if the key
 * contains the columns by which they are partitioned. */
void create_own_index(Relation heap, const engine::Step &step)
{
    IndexStmt *statement = index_statement(heap, DEFAULT_INDEX_TYPE);
    for (int position : step.found_by) {
        const char *name = step.columns.at(position).column.name.c_str();
        statement->indexParams = lappend(statement->indexParams, index_element(heap, name, true, {}));
    }
    if (step.found_by.empty())
        statement->indexParams = list_make1(index_element(heap, "pgt_hash", true, {}));
    else
        statement->idxname =
            psprintf("%s%s", RelationGetRelationName(heap), step.is_key_shared ? shared_key_suffix : key_suffix);
    statement->unique = step.layout == engine::Layout::groups && !step.found_by.empty() &&
                        heap->rd_rel->relkind != RELKIND_PARTITIONED_TABLE;
    define(RelationGetRelid(heap), statement);
}

/* Returns the index by which rows are found; InvalidOid: there is none with this suffix. */
Oid own_index(Oid heap, const char *suffix)
{
    const char *name = get_rel_name(heap);
    return name != nullptr ? get_relname_relid(psprintf("%s%s", name, suffix), get_rel_namespace(heap)) : InvalidOid;
}

/* Copies the columns of an index of the heap to `columns`, and returns how many they are; 0 without an index. */
int columns_of_index(Oid heap, Oid own, AttrNumber *columns)
{
    HeapTuple tuple = OidIsValid(own) ? SearchSysCache1(INDEXRELID, ObjectIdGetDatum(own)) : nullptr;
    if (!HeapTupleIsValid(tuple))
        return 0;
    auto *index = reinterpret_cast<Form_pg_index>(GETSTRUCT(tuple));
    const int count = index->indrelid == heap && index->indisvalid ? index->indnkeyatts : 0;
    for (int i = 0; i < count; i++)
        columns[i] = index->indkey.values[i];
    ReleaseSysCache(tuple);
    return count;
}

/* Whether the arrangement's own index serves the look-up. One by a range needs the order of its terms. */
bool is_found_by(const engine::Step &step, const std::vector<engine::IndexTerm> &terms)
{
    const bool has_range = std::any_of(terms.begin(), terms.end(), [](const auto &term) { return term.is_range; });
    if (has_range)
        return std::equal(terms.begin(), terms.end(), step.found_by.begin(), step.found_by.end(),
                          [&](const engine::IndexTerm &term, int position) {
                              return term.is_column && term.text == step.columns.at(position).column.name;
                          });
    return terms.size() == step.found_by.size() &&
           std::all_of(step.found_by.begin(), step.found_by.end(), [&](int position) {
               return std::any_of(terms.begin(), terms.end(), [&](const engine::IndexTerm &term) {
                   return term.is_column && term.text == step.columns.at(position).column.name;
               });
           });
}

/* Indexes the terms of a look-up: all of them in a btree if each has an order and none can be too long for it,
 * otherwise those for which this holds, as many as an index can have. Without such a term, a hash index, which stores
 * no values, is created on the first term that has a hash function. Values that are neither in a btree nor hashed have
 * no index. */
void create_lookup_index(Relation heap, const std::vector<engine::IndexTerm> &terms, const QueryParts &parts)
{
    List *elements = NIL;
    for (const engine::IndexTerm &term : terms)
        if (term.is_fixed_length && term.has_order && list_length(elements) < INDEX_MAX_KEYS)
            elements = lappend(elements, index_element(heap, term.text.c_str(), term.is_column, parts));
    const char *access_method = DEFAULT_INDEX_TYPE;
    if (elements == NIL) {
        auto hashed =
            std::find_if(terms.begin(), terms.end(), [](const auto &term) { return term.has_hash && !term.is_range; });
        if (hashed == terms.end())
            return;
        access_method = "hash";
        elements = list_make1(index_element(heap, hashed->text.c_str(), hashed->is_column, parts));
    }
    IndexStmt *statement = index_statement(heap, access_method);
    statement->indexParams = elements;
    define(RelationGetRelid(heap), statement);
}

void withhold_own_privileges(Oid relation)
{
    change_relation_row(relation, [](Relation classes, HeapTuple row) {
        Datum values[Natts_pg_class] = {};
        bool nulls[Natts_pg_class] = {}, replaces[Natts_pg_class] = {};
        const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(row))->relowner;
        values[Anum_pg_class_relacl - 1] = PointerGetDatum(acl_of_storage(owner));
        replaces[Anum_pg_class_relacl - 1] = true;
        return heap_modify_tuple(row, RelationGetDescr(classes), values, nulls, replaces);
    });
}

/* Makes the indexes depend on their heap and withholds privileges on them: the owner could otherwise drop an
 * index through its rights on the stream table, or read its statistics. */
void protect_indexes(Relation heap)
{
    ListCell *cell;
    foreach (cell, RelationGetIndexList(heap)) {
        make_own(lfirst_oid(cell), RelationGetRelid(heap));
        withhold_privileges(lfirst_oid(cell));
    }
}

void create_indexes(Oid heap, const engine::Step &step, const QueryParts &parts)
{
    const int level = NewGUCNestLevel();
    set_for_now("default_tablespace", "");
    /* PostgreSQL evaluates the constants of an index's expression by functions that may need a snapshot. */
    const bool needs_snapshot = !ActiveSnapshotSet();
    if (needs_snapshot)
        PushActiveSnapshot(GetTransactionSnapshot());
    Relation relation = table_open(heap, ShareLock);
    create_own_index(relation, step);
    for (const std::vector<engine::IndexTerm> &terms : step.looked_up_by)
        if (!is_found_by(step, terms))
            create_lookup_index(relation, terms, parts);
    protect_indexes(relation);
    table_close(relation, NoLock);
    if (needs_snapshot)
        PopActiveSnapshot();
    AtEOXact_GUC(false, level);
}

/* Sets the names that differ; null: none. PostgreSQL frame. */
void set_names(Relation attributes, Oid heap, const char *const *names, int count)
{
    for (int i = 0; i < count; i++) {
        HeapTuple tuple = SearchSysCacheCopy2(ATTNUM, ObjectIdGetDatum(heap), Int16GetDatum(i + 1));
        if (!HeapTupleIsValid(tuple))
            elog(ERROR, "column %d of relation %u is missing", i + 1, heap);
        NameData *name = &reinterpret_cast<Form_pg_attribute>(GETSTRUCT(tuple))->attname;
        if (names[i] != nullptr && strcmp(NameStr(*name), names[i]) != 0) {
            namestrcpy(name, names[i]);
            CatalogTupleUpdate(attributes, &tuple->t_self, tuple);
        }
        heap_freetuple(tuple);
    }
    CommandCounterIncrement();
}

} // namespace

void describe_column(TupleDesc columns, AttrNumber number, const engine::Column &column)
{
    const NamedType named = named_type(column.type.c_str());
    TupleDescInitEntry(columns, number, column.name.c_str(), named.type, named.typmod, 0);
    if (!column.collation.empty())
        TupleDescInitEntryCollation(columns, number, named_collation(column.collation.c_str()));
}

Oid create_arrangement(Oid relid, const std::string &relation_name, const engine::Step &step, const QueryParts &parts,
                       const PartitionBy &by, Oid tablespace)
{
    AsOwner as_owner(call([=] { return owner_of_relation(relid); }), Sharing::all);
    TextSettings text_settings;
    const PartitionColumns columns = by.is_partitioned() ? partition_columns(step, by) : PartitionColumns{};
    return call([&] {
        Oid heap = create_heap_of(relid, relation_name.c_str(), step, by, columns, tablespace);
        create_indexes(heap, step, parts);
        return heap;
    });
}

Oid create_heap(Oid relid, const char *name, TupleDesc columns, char kind, Oid tablespace, Datum options)
{
    const bool is_partitioned_table = kind == RELKIND_PARTITIONED_TABLE;
    const Oid heap = create_internal_relation({.name = name,
                                               .schema = get_namespace_oid(schema_name, false),
                                               .owner = owner_of_relation(relid),
                                               .columns = columns,
                                               .kind = kind,
                                               .access_method = is_partitioned_table ? InvalidOid : HEAP_TABLE_AM_OID,
                                               .tablespace = tablespace,
                                               .options = options});
    if (!is_partitioned_table)
        NewRelationCreateToastTable(heap, static_cast<Datum>(0));
    withhold_privileges(heap);
    ObjectAddress storage, foreign_table;
    ObjectAddressSet(storage, RelationRelationId, heap);
    ObjectAddressSet(foreign_table, RelationRelationId, relid);
    recordDependencyOn(&storage, &foreign_table, DEPENDENCY_INTERNAL);
    CommandCounterIncrement();
    return heap;
}

void set_heap_options(Oid storage, bool is_of_groups, const char *parameters)
{
    const Datum options = definition::with_storage_parameters(heap_options(is_of_groups), parameters);
    ListCell *cell;
    foreach (cell, row_heaps(storage)) {
        LockRelationOid(lfirst_oid(cell), ShareUpdateExclusiveLock);
        change_relation_row(lfirst_oid(cell), [=](Relation classes, HeapTuple row) {
            Datum values[Natts_pg_class] = {};
            bool nulls[Natts_pg_class] = {}, replaces[Natts_pg_class] = {};
            values[Anum_pg_class_reloptions - 1] = options;
            nulls[Anum_pg_class_reloptions - 1] = options == static_cast<Datum>(0);
            replaces[Anum_pg_class_reloptions - 1] = true;
            return heap_modify_tuple(row, RelationGetDescr(classes), values, nulls, replaces);
        });
    }
}

/* PostgreSQL refuses the name of the database's tablespace for the index of a partitioned table; it is what an
 * empty default_tablespace means. */
char *tablespace_of_indexes(Oid heap)
{
    const Oid tablespace = get_rel_tablespace(heap);
    if (OidIsValid(tablespace))
        return get_tablespace_name(tablespace);
    return is_partitioned(heap) ? nullptr : get_tablespace_name(MyDatabaseTableSpace);
}

void withhold_privileges(Oid relation)
{
    ListCell *cell;
    foreach (cell, find_all_inheritors(relation, AccessShareLock, nullptr))
        withhold_own_privileges(lfirst_oid(cell));
}

namespace {

Oid index_of_key(Oid heap)
{
    const Oid own = own_index(heap, key_suffix);
    return OidIsValid(own) ? own : adopted_index_of(heap);
}

} // namespace

int key_of_rows(Oid heap, AttrNumber *columns)
{
    return columns_of_index(heap, index_of_key(heap), columns);
}

int found_by(Oid heap, AttrNumber *columns)
{
    const int count = key_of_rows(heap, columns);
    return count > 0 ? count : columns_of_index(heap, own_index(heap, shared_key_suffix), columns);
}

bool adopt_index_of_key(Oid heap, const IndexStmt *statement, Oid *index)
{
    *index = own_index(heap, key_suffix);
    return OidIsValid(*index) && !is_partitioned(heap) && adopt_own_index(heap, *index, statement);
}

void return_index_of_key(Oid heap, bool is_of_groups)
{
    return_adopted_index(heap, psprintf("%s%s", get_rel_name(heap), key_suffix), is_of_groups);
}

Oid chosen_tablespace(Oid relid)
{
    return call([=] {
        Oid tablespace = GetDefaultTablespace(RELPERSISTENCE_PERMANENT, false);
        if (!OidIsValid(tablespace) || tablespace == MyDatabaseTableSpace)
            return InvalidOid;
        AclResult allowed = right_to_create_in(tablespace, owner_of_relation(relid));
        if (allowed != ACLCHECK_OK)
            aclcheck_error(allowed, OBJECT_TABLESPACE, get_tablespace_name(tablespace));
        if (tablespace == GLOBALTABLESPACE_OID)
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("only shared relations can be placed in pg_global tablespace")));
        return tablespace;
    });
}

Oid tablespace_of(Oid heap)
{
    return call([=] { return get_rel_tablespace(heap); });
}

/* PostgreSQL's error would name the heap. */
void check_not_in_use(Oid relid, Oid heap, const char *action)
{
    Relation relation = RelationIdGetRelation(heap);
    const bool is_in_use = relation != nullptr && relation->rd_refcnt != 1;
    if (relation != nullptr)
        RelationClose(relation);
    if (is_in_use)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE),
                        errmsg("cannot %s stream table \"%s\" because it is being used by active queries in this "
                               "session",
                               action, get_rel_name(relid)),
                        errhint("Close the cursors that read it.")));
}

void drop_arrangement(Oid relid, Oid heap)
{
    call([=] {
        /* With the INTERNAL dependencies, the drop would be refused. */
        ListCell *cell;
        foreach (cell, list_append_unique_oid(list_copy(row_heaps(heap)), heap)) {
            check_not_in_use(relid, lfirst_oid(cell));
            deleteDependencyRecordsForSpecific(RelationRelationId, lfirst_oid(cell), DEPENDENCY_INTERNAL,
                                               RelationRelationId, relid);
        }
        CommandCounterIncrement();
        ObjectAddress object;
        ObjectAddressSet(object, RelationRelationId, heap);
        performDeletion(&object, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
        CommandCounterIncrement();
    });
}

/* Two columns may have exchanged their names, which are unique: each name that changes is first replaced by one
 * that no column has. */
void rename_columns(Oid heap, const engine::Step &step)
{
    std::vector<const char *> names;
    for (const engine::ArrangementColumn &column : step.columns)
        names.push_back(column.column.name.c_str());
    const int count = static_cast<int>(names.size());
    call([&] {
        LockRelationOid(heap, AccessExclusiveLock);
        Relation attributes = table_open(AttributeRelationId, RowExclusiveLock);
        auto **passing = static_cast<const char **>(palloc0(sizeof(char *) * count));
        for (int i = 0; i < count; i++) {
            const char *present = get_attname(heap, static_cast<AttrNumber>(i + 1), false);
            passing[i] = strcmp(present, names[i]) == 0 ? nullptr : psprintf("pgt_renamed_%d", i + 1);
        }
        set_names(attributes, heap, passing, count);
        set_names(attributes, heap, names.data(), count);
        table_close(attributes, RowExclusiveLock);
    });
}

} // namespace pgtrickle::storage
