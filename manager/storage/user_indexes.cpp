#include "storage/user_indexes.hpp"

#include "pg/relation_owner.hpp"
#include "pg/rights.hpp"
#include "pg/settings.hpp"
#include "pg/type_name.hpp"
#include "pg/versions/heaps.hpp"
#include "pg/walker.hpp"
#include "storage/index_names.hpp"
#include "storage/layout.hpp"
#include "storage/relation_row.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "access/attmap.h"
#include "access/genam.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "commands/comment.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_clause.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_relation.h"
#include "parser/parse_target.h"
#include "parser/parse_utilcmd.h"
#include "parser/parser.h"
#include "rewrite/rewriteManip.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

#include <cctype>
#include <string_view>

namespace pgtrickle::storage {

namespace {

/* The functions from here on are PostgreSQL frames. */

/* Opens a storage whose indexes stay the same until the end of the transaction. ALTER INDEX locks only the index, so
 * an index that is copied or moved is locked as well. */
Relation open_with_its_indexes(Oid storage)
{
    return table_open(storage, ShareUpdateExclusiveLock);
}

IndexExtras *extras_of(Relation index)
{
    const Oid oid = RelationGetRelid(index);
    auto *extras = static_cast<IndexExtras *>(palloc(sizeof(IndexExtras)));
    *extras = {GetComment(oid, RelationRelationId, 0), getAutoExtensionsOfObject(RelationRelationId, oid),
               RelationGetDescr(index)->natts, nullptr};
    extras->targets = static_cast<NullableDatum *>(palloc(sizeof(NullableDatum) * (extras->column_count + 1)));
    for (int i = 0; i < extras->column_count; i++) {
        HeapTuple column = SearchSysCache2(ATTNUM, ObjectIdGetDatum(oid), Int16GetDatum(i + 1));
        if (!HeapTupleIsValid(column))
            elog(ERROR, "cache lookup failed for attribute %d of relation %u", i + 1, oid);
        NullableDatum *target = &extras->targets[i];
        target->value = SysCacheGetAttr(ATTNUM, column, Anum_pg_attribute_attstattarget, &target->isnull);
        ReleaseSysCache(column);
    }
    return extras;
}

void set_target(Relation attributes, Oid index, AttrNumber column, NullableDatum target)
{
    HeapTuple given = SearchSysCacheCopy2(ATTNUM, ObjectIdGetDatum(index), Int16GetDatum(column));
    if (!HeapTupleIsValid(given))
        return;
    Datum values[Natts_pg_attribute] = {};
    bool nulls[Natts_pg_attribute] = {}, replaces[Natts_pg_attribute] = {};
    values[Anum_pg_attribute_attstattarget - 1] = target.value;
    nulls[Anum_pg_attribute_attstattarget - 1] = target.isnull;
    replaces[Anum_pg_attribute_attstattarget - 1] = true;
    HeapTuple changed = heap_modify_tuple(given, RelationGetDescr(attributes), values, nulls, replaces);
    CatalogTupleUpdate(attributes, &given->t_self, changed);
}

void add_extras(Oid index, const IndexExtras *extras)
{
    if (extras->comment != nullptr)
        CreateComments(index, RelationRelationId, 0, extras->comment);
    ListCell *cell;
    foreach (cell, extras->extensions) {
        const ObjectAddress self = {RelationRelationId, index, 0},
                            extension = {ExtensionRelationId, lfirst_oid(cell), 0};
        recordDependencyOn(&self, &extension, DEPENDENCY_AUTO_EXTENSION);
    }
    Relation attributes = table_open(AttributeRelationId, RowExclusiveLock);
    for (int i = 0; i < extras->column_count; i++)
        set_target(attributes, index, static_cast<AttrNumber>(i + 1), extras->targets[i]);
    table_close(attributes, RowExclusiveLock);
    CommandCounterIncrement();
}

UserIndexes indexes_of(Oid storage)
{
    UserIndexes found;
    Relation heap = open_with_its_indexes(storage);
    TupleDesc descriptor = RelationGetDescr(heap);
    found.column_count = descriptor->natts;
    found.columns = static_cast<const char **>(palloc(sizeof(char *) * (found.column_count + 1)));
    for (int i = 0; i < found.column_count; i++)
        found.columns[i] = pstrdup(NameStr(TupleDescAttr(descriptor, i)->attname));
    ListCell *cell;
    foreach (cell, RelationGetIndexList(heap)) {
        if (is_own_index(lfirst_oid(cell)))
            continue;
        Relation index = index_open(lfirst_oid(cell), ShareUpdateExclusiveLock);
        IndexStmt *statement = statement_of(heap, index);
        statement->idxname = pstrdup(RelationGetRelationName(index));
        found.statements = lappend(found.statements, statement);
        found.texts = lappend(found.texts, makeString(pg_get_indexdef_string(RelationGetRelid(index))));
        found.extras = lappend(found.extras, extras_of(index));
        index_close(index, NoLock);
    }
    table_close(heap, NoLock);
    return found;
}

/* Returns the column of the storage for each of the columns of the old one; 0 for a hidden column without one. */
AttrMap *columns_of(Oid storage, const UserIndexes &indexes)
{
    AttrMap *columns = make_attrmap(indexes.column_count);
    for (int i = 0; i < indexes.column_count; i++)
        columns->attnums[i] = get_attnum(storage, indexes.columns[i]);
    return columns;
}

Node *moved(Node *expression, AttrMap *columns)
{
    bool has_whole_row;
    return map_variable_attnos(expression, 1, 0, columns, InvalidOid, &has_whole_row);
}

/* Whether a column in an expression over the storage has another type there. */
bool reads_retyped(::Node *node, void *descriptor)
{
    if (node == nullptr || !IsA(node, Var))
        return node != nullptr && walk_expression(node, reads_retyped, descriptor);
    auto *var = reinterpret_cast<Var *>(node);
    if (var->varattno <= 0)
        return false;
    const FormData_pg_attribute *column = TupleDescAttr(static_cast<TupleDesc>(descriptor), var->varattno - 1);
    return column->atttypid != var->vartype || column->atttypmod != var->vartypmod ||
           column->attcollation != var->varcollid;
}

/* Analyzes the expressions of the text in the place of those of the statement, over the storage. */
void analyze_text(IndexStmt *statement, Relation heap, const char *text)
{
    auto *parsed = castNode(IndexStmt, linitial_node(RawStmt, raw_parser(text, RAW_PARSE_DEFAULT))->stmt);
    statement->whereClause = parsed->whereClause;
    resolve_types(statement->whereClause);
    ListCell *cell, *parsed_cell;
    forboth(cell, statement->indexParams, parsed_cell, parsed->indexParams)
    {
        lfirst_node(IndexElem, cell)->expr = lfirst_node(IndexElem, parsed_cell)->expr;
        resolve_types(lfirst_node(IndexElem, cell)->expr);
    }
    analyze_index(statement, heap, nullptr);
}

void create(Oid relid, Oid storage, IndexStmt *statement, const char *text, const IndexExtras *extras, AttrMap *columns)
{
    Relation heap = table_open(storage, NoLock);
    TupleDesc descriptor = RelationGetDescr(heap);
    statement->relation = makeRangeVar(pstrdup(schema_name), get_rel_name(storage), -1);
    statement->whereClause = moved(statement->whereClause, columns);
    bool has_retyped = reads_retyped(statement->whereClause, descriptor);
    ListCell *cell;
    foreach (cell, statement->indexParams) {
        auto *element = lfirst_node(IndexElem, cell);
        element->expr = moved(element->expr, columns);
        has_retyped |= reads_retyped(element->expr, descriptor);
    }
    if (has_retyped)
        analyze_text(statement, heap, text);
    table_close(heap, NoLock);
    add_extras(define_user_index(relid, storage, statement, false).objectId, extras);
}

void create_one(Oid relid, Oid storage, const UserIndexes &indexes, int number)
{
    const bool needs_snapshot = !ActiveSnapshotSet();
    if (needs_snapshot)
        PushActiveSnapshot(GetTransactionSnapshot());
    LockRelationOid(storage, ShareLock);
    create(relid, storage, list_nth_node(IndexStmt, indexes.statements, number),
           strVal(list_nth(indexes.texts, number)), static_cast<const IndexExtras *>(list_nth(indexes.extras, number)),
           columns_of(storage, indexes));
    if (needs_snapshot)
        PopActiveSnapshot();
}

/* Moves an index to a schema, under a name. */
void place(Oid index, Oid schema, const char *name)
{
    if (OidIsValid(get_relname_relid(name, schema)))
        ereport(ERROR, (errcode(ERRCODE_DUPLICATE_TABLE),
                        errmsg("relation \"%s\" already exists in schema \"%s\"", name, get_namespace_name(schema))));
    change_relation_row(index, [=](Relation, HeapTuple row) {
        auto *form = reinterpret_cast<Form_pg_class>(GETSTRUCT(row));
        namestrcpy(&form->relname, name);
        form->relnamespace = schema;
        return row;
    });
}

/* Returns the name of an index that this command creates in the reserved schema, or null for any other relation. */
const char *name_of_new_index(Oid relation, Oid schema)
{
    const char *name = nullptr;
    Relation classes = table_open(RelationRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_class_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relation));
    SysScanDesc scan = systable_beginscan(classes, ClassOidIndexId, true, SnapshotSelf, 1, &key);
    if (HeapTuple tuple = systable_getnext(scan); HeapTupleIsValid(tuple)) {
        auto *form = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
        if ((form->relkind == RELKIND_INDEX || form->relkind == RELKIND_PARTITIONED_INDEX) &&
            form->relnamespace == schema)
            name = pstrdup(NameStr(form->relname));
    }
    systable_endscan(scan);
    table_close(classes, AccessShareLock);
    return name;
}

/* Returns the length of the name before the suffix that REINDEX CONCURRENTLY adds; 0: there is none. */
size_t length_before_copy_suffix(const char *name)
{
    constexpr const char *suffix = "_ccnew";
    const size_t width = strlen(suffix);
    size_t length = strlen(name);
    while (length > 0 && isdigit(static_cast<unsigned char>(name[length - 1])))
        length--;
    return length > width && strncmp(name + length - width, suffix, width) == 0 ? length - width : 0;
}

/* Whether one of the heap's indexes in the reserved schema has the name, which PostgreSQL may have shortened. */
bool has_hidden_index(Oid heap, const std::string_view &name, Oid schema)
{
    const bool may_be_shortened = name.size() + 12 >= NAMEDATALEN;
    bool is_found = false;
    Relation relation = table_open(heap, AccessShareLock);
    ListCell *cell;
    foreach (cell, RelationGetIndexList(relation)) {
        const char *other = get_rel_name(lfirst_oid(cell));
        is_found |= other != nullptr && get_rel_namespace(lfirst_oid(cell)) == schema &&
                    (may_be_shortened ? std::string_view(other).starts_with(name) : name == other);
    }
    table_close(relation, NoLock);
    return is_found;
}

/* Whether a new index in the reserved schema belongs there. The extension gives names that begin with that of the heap.
 * A copy that REINDEX CONCURRENTLY creates belongs where the other index is: users choose names, but not heaps. */
bool is_hidden_index(Oid heap, const char *name, Oid schema)
{
    if (const size_t length = length_before_copy_suffix(name); length > 0)
        return has_hidden_index(heap, std::string_view(name, length), schema);
    return std::string_view(name).starts_with(std::string(get_rel_name(heap)) + "_");
}

/* Returns a column of the old storage that the index uses and the new one lacks; null if it has all. */
const char *lost_column(const IndexStmt *statement, const UserIndexes &indexes, Oid storage)
{
    ListCell *cell;
    Bitmapset *read = nullptr;
    pull_varattnos(statement->whereClause, 1, &read);
    foreach (cell, list_concat_copy(statement->indexParams, statement->indexIncludingParams)) {
        const auto *element = lfirst_node(IndexElem, cell);
        pull_varattnos(element->expr, 1, &read);
        if (element->name != nullptr && get_attnum(storage, element->name) == InvalidAttrNumber)
            return element->name;
    }
    for (int column = -1; (column = bms_next_member(read, column)) >= 0;) {
        const int number = column + FirstLowInvalidHeapAttributeNumber;
        if (number > 0 && get_attnum(storage, indexes.columns[number - 1]) == InvalidAttrNumber)
            return indexes.columns[number - 1];
    }
    return nullptr;
}

} // namespace

void analyze_index(IndexStmt *statement, Relation table, const char *text)
{
    ParseState *state = make_parsestate(nullptr);
    state->p_sourcetext = text;
    ParseNamespaceItem *columns = addRangeTableEntryForRelation(state, table, AccessShareLock, nullptr, false, true);
    addNSItemToQuery(state, columns, false, true, true);
    if (statement->whereClause != nullptr) {
        statement->whereClause =
            transformWhereClause(state, statement->whereClause, EXPR_KIND_INDEX_PREDICATE, "WHERE");
        assign_expr_collations(state, statement->whereClause);
    }
    ListCell *cell;
    foreach (cell, statement->indexParams) {
        auto *element = lfirst_node(IndexElem, cell);
        if (element->expr == nullptr)
            continue;
        if (element->indexcolname == nullptr)
            element->indexcolname = FigureIndexColname(element->expr);
        element->expr = transformExpr(state, element->expr, EXPR_KIND_INDEX_EXPRESSION);
        assign_expr_collations(state, element->expr);
    }
    free_parsestate(state);
    statement->transformed = true;
}

void leave_out_lost_indexes(Oid relid, Oid storage, UserIndexes *indexes)
{
    UserIndexes left = *indexes;
    left.statements = left.texts = left.extras = NIL;
    for (int i = 0; i < list_length(indexes->statements); i++) {
        auto *statement = list_nth_node(IndexStmt, indexes->statements, i);
        if (const char *column = lost_column(statement, *indexes, storage)) {
            ereport(NOTICE,
                    (errmsg("index \"%s\" of stream table \"%s\" is dropped", statement->idxname, get_rel_name(relid)),
                     errdetail("It uses column \"%s\", which the query does not have any more.", column)));
            continue;
        }
        left.statements = lappend(left.statements, statement);
        left.texts = lappend(left.texts, list_nth(indexes->texts, i));
        left.extras = lappend(left.extras, list_nth(indexes->extras, i));
    }
    *indexes = left;
}

ObjectAddress define_user_index(Oid relid, Oid storage, IndexStmt *statement, bool check_not_in_use)
{
    /* PostgreSQL creates it in the schema of its heap. */
    const char *name = statement->idxname;
    statement->idxname = passing_name(relid);
    statement->if_not_exists = false;
    const ObjectAddress index = define_index(storage, statement, check_not_in_use);
    CommandCounterIncrement();
    withhold_privileges(index.objectId);
    place(index.objectId, get_rel_namespace(relid), name);
    return index;
}

void place_new_index(Oid relation)
{
    const Oid schema = get_namespace_oid(schema_name, true);
    const char *name = OidIsValid(schema) ? name_of_new_index(relation, schema) : nullptr;
    if (name == nullptr)
        return;
    CommandCounterIncrement();
    const Oid heap = IndexGetRelation(relation, false), relid = served_from(heap);
    if (OidIsValid(relid) && !is_hidden_index(heap, name, schema))
        place(relation, get_rel_namespace(relid), name);
}

void move_user_indexes(Oid storage, Oid schema)
{
    Relation heap = open_with_its_indexes(storage);
    ListCell *cell;
    foreach (cell, RelationGetIndexList(heap)) {
        const Oid index = lfirst_oid(cell);
        if (is_own_index(index) || get_rel_namespace(index) == schema)
            continue;
        LockRelationOid(index, ShareUpdateExclusiveLock);
        place(index, schema, get_rel_name(index));
    }
    table_close(heap, NoLock);
}

bool is_own_index(Oid index)
{
    Relation depend = table_open(DependRelationId, AccessShareLock);
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], Anum_pg_depend_classid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(RelationRelationId));
    ScanKeyInit(&keys[1], Anum_pg_depend_objid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(index));
    SysScanDesc scan = systable_beginscan(depend, DependDependerIndexId, true, nullptr, 2, keys);
    bool is_found = false;
    for (HeapTuple tuple; HeapTupleIsValid(tuple = systable_getnext(scan));)
        is_found |= reinterpret_cast<Form_pg_depend>(GETSTRUCT(tuple))->deptype == DEPENDENCY_INTERNAL;
    systable_endscan(scan);
    table_close(depend, AccessShareLock);
    return is_found;
}

IndexStmt *statement_of(Relation heap, Relation index)
{
    const int count = RelationGetDescr(heap)->natts;
    AttrMap *columns = make_attrmap(count);
    for (int i = 0; i < count; i++)
        columns->attnums[i] = static_cast<AttrNumber>(i + 1);
    Oid constraint;
    return generateClonedIndexStmt(nullptr, index, columns, &constraint);
}

UserIndexes user_indexes_of(Oid storage)
{
    TextSettings text_settings;
    return call([=] { return indexes_of(storage); });
}

void create_hidden_indexes(Oid relid, Oid storage, const UserIndexes &indexes)
{
    UserIndexes hidden = indexes;
    call([&] {
        hidden.statements = static_cast<List *>(copyObjectImpl(indexes.statements));
        for (int i = 0; i < list_length(hidden.statements); i++)
            list_nth_node(IndexStmt, hidden.statements, i)->idxname = hidden_name(relid, i);
    });
    try {
        create_user_indexes(relid, storage, hidden);
    } catch (const PgError &error) {
        show_hidden_names(error.data, relid, indexes);
        throw;
    }
}

void show_hidden_indexes(Oid relid, Oid schema, const UserIndexes &indexes)
{
    for (int i = 0; i < list_length(indexes.statements); i++) {
        const Oid index = get_relname_relid(hidden_name(relid, i), get_namespace_oid(schema_name, false));
        place(index, schema, list_nth_node(IndexStmt, indexes.statements, i)->idxname);
    }
}

void create_user_indexes(Oid relid, Oid storage, const UserIndexes &indexes)
{
    if (indexes.statements == NIL)
        return;
    AsOwner as_owner(call([=] { return owner_of_relation(relid); }));
    TextSettings text_settings;
    call([] { set_for_now("default_tablespace", ""); });
    for (int i = 0; i < list_length(indexes.statements); i++) {
        const char *name = call([&] { return list_nth_node(IndexStmt, indexes.statements, i)->idxname; });
        try {
            naming_index(relid, name, [&] { create_one(relid, storage, indexes, i); });
        } catch (const PgError &error) {
            add_index_to_context(error.data, name);
            throw;
        }
    }
}

} // namespace pgtrickle::storage
