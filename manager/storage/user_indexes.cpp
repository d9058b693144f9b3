#include "storage/user_indexes.hpp"

#include "pg/dependencies.hpp"
#include "pg/relation_row.hpp"
#include "pg/rights.hpp"
#include "pg/settings.hpp"
#include "pg/type_name.hpp"
#include "pg/versions/heaps.hpp"
#include "pg/walker.hpp"
#include "storage/adopted_index.hpp"
#include "storage/index_names.hpp"
#include "storage/index_placement.hpp"
#include "storage/layout.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "access/attmap.h"
#include "access/genam.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "commands/comment.h"
#include "commands/extension.h"
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
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

#include <algorithm>

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

void depend_on_extension(Oid index, Oid extension)
{
    const ObjectAddress self = {RelationRelationId, index, 0}, other = {ExtensionRelationId, extension, 0};
    recordDependencyOn(&self, &other, DEPENDENCY_AUTO_EXTENSION);
}

void add_extras(Oid index, const IndexExtras *extras)
{
    if (extras->comment != nullptr)
        CreateComments(index, RelationRelationId, 0, extras->comment);
    ListCell *cell;
    foreach (cell, extras->extensions)
        depend_on_extension(index, lfirst_oid(cell));
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
    found.columns = CreateTupleDescCopy(RelationGetDescr(heap));
    ListCell *cell;
    foreach (cell, RelationGetIndexList(heap)) {
        if (is_own_index(lfirst_oid(cell)) || is_left_invalid(lfirst_oid(cell)))
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

const char *name_of(const UserIndexes &indexes, int number)
{
    return NameStr(TupleDescAttr(indexes.columns, number - 1)->attname);
}

/* Returns the column of the storage for each of the columns of the old one; 0 for a hidden column without one. */
AttrMap *columns_of(Oid storage, const UserIndexes &indexes)
{
    AttrMap *columns = make_attrmap(indexes.columns->natts);
    for (int i = 1; i <= indexes.columns->natts; i++)
        columns->attnums[i - 1] = get_attnum(storage, name_of(indexes, i));
    return columns;
}

Node *moved(Node *expression, AttrMap *columns)
{
    bool has_whole_row;
    return map_variable_attnos(expression, 1, 0, columns, InvalidOid, &has_whole_row);
}

/* Returns the columns of the old storage that the index reads, offset by FirstLowInvalidHeapAttributeNumber. */
Bitmapset *columns_read(const IndexStmt *statement, const UserIndexes &indexes)
{
    Bitmapset *read = nullptr;
    pull_varattnos(statement->whereClause, 1, &read);
    ListCell *cell;
    foreach (cell, list_concat_copy(statement->indexParams, statement->indexIncludingParams)) {
        const auto *element = lfirst_node(IndexElem, cell);
        pull_varattnos(element->expr, 1, &read);
        for (int i = 1; element->name != nullptr && i <= indexes.columns->natts; i++)
            if (strcmp(element->name, name_of(indexes, i)) == 0)
                read = bms_add_member(read, i - FirstLowInvalidHeapAttributeNumber);
    }
    return read;
}

/* Whether a column that the index reads has another type or collation in the storage. */
bool reads_retyped(const IndexStmt *statement, const UserIndexes &indexes, Oid storage)
{
    const Bitmapset *read = columns_read(statement, indexes);
    for (int number = 1; number <= indexes.columns->natts; number++) {
        if (!bms_is_member(number - FirstLowInvalidHeapAttributeNumber, read))
            continue;
        Oid type, collation;
        int32 typmod;
        get_atttypetypmodcoll(storage, get_attnum(storage, name_of(indexes, number)), &type, &typmod, &collation);
        const FormData_pg_attribute *before = TupleDescAttr(indexes.columns, number - 1);
        if (type != before->atttypid || typmod != before->atttypmod || collation != before->attcollation)
            return true;
    }
    return false;
}

/* Has the statement index what its text says of the columns of the storage. The text has a collation and an operator
 * class where these are not the column's own. */
void analyze_text(IndexStmt *statement, Oid storage, const char *text)
{
    auto *parsed = castNode(IndexStmt, linitial_node(RawStmt, raw_parser(text, RAW_PARSE_DEFAULT))->stmt);
    statement->indexParams = parsed->indexParams;
    statement->whereClause = parsed->whereClause;
    resolve_types(statement);
    Relation heap = table_open(storage, NoLock);
    analyze_index(statement, heap, nullptr);
    table_close(heap, NoLock);
}

void create(Oid relid, Oid storage, const UserIndexes &indexes, int number)
{
    auto *statement = list_nth_node(IndexStmt, indexes.statements, number);
    statement->relation = makeRangeVar(pstrdup(schema_name), get_rel_name(storage), -1);
    if (reads_retyped(statement, indexes, storage)) {
        analyze_text(statement, storage, strVal(list_nth(indexes.texts, number)));
    } else {
        AttrMap *columns = columns_of(storage, indexes);
        statement->whereClause = moved(statement->whereClause, columns);
        ListCell *cell;
        foreach (cell, statement->indexParams)
            lfirst_node(IndexElem, cell)->expr = moved(lfirst_node(IndexElem, cell)->expr, columns);
    }
    const auto *extras = static_cast<const IndexExtras *>(list_nth(indexes.extras, number));
    add_extras(define_user_index(relid, storage, statement, false, extras->extensions == NIL).objectId, extras);
}

void create_one(Oid relid, Oid storage, const UserIndexes &indexes, int number)
{
    const bool needs_snapshot = !ActiveSnapshotSet();
    if (needs_snapshot)
        PushActiveSnapshot(GetTransactionSnapshot());
    LockRelationOid(storage, ShareLock);
    create(relid, storage, indexes, number);
    if (needs_snapshot)
        PopActiveSnapshot();
}

/* Returns a column of the old storage that the index reads and the new one lacks; null if it has all. */
const char *lost_column(const IndexStmt *statement, const UserIndexes &indexes, Oid storage)
{
    const Bitmapset *read = columns_read(statement, indexes);
    for (int number = 1; number <= indexes.columns->natts; number++)
        if (bms_is_member(number - FirstLowInvalidHeapAttributeNumber, read) &&
            get_attnum(storage, name_of(indexes, number)) == InvalidAttrNumber)
            return name_of(indexes, number);
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

ObjectAddress define_user_index(Oid relid, Oid storage, IndexStmt *statement, bool check_not_in_use,
                                bool may_be_adopted)
{
    const char *name = statement->idxname;
    ObjectAddress index = {RelationRelationId, InvalidOid, 0};
    if (!may_be_adopted || !adopt_index_of_key(storage, statement, &index.objectId)) {
        /* PostgreSQL creates it in the schema of its heap. */
        statement->idxname = passing_name(relid);
        statement->if_not_exists = false;
        index = define_index(storage, statement, check_not_in_use);
        CommandCounterIncrement();
        withhold_privileges(index.objectId);
    }
    place(index.objectId, get_rel_namespace(relid), name);
    return index;
}

void separate_index_of_key(Oid heap, bool is_of_groups)
{
    const Oid adopted = adopted_index_of(heap), schema = get_rel_namespace(adopted);
    const char *name = get_rel_name(adopted);
    Relation relation = index_open(adopted, AccessShareLock);
    const IndexExtras *extras = extras_of(relation);
    index_close(relation, NoLock);
    return_index_of_key(heap, is_of_groups);
    const Oid index = get_relname_relid(name, schema);
    rebuild_index(index);
    add_extras(index, extras);
}

char *statistics_targets(Oid index)
{
    Relation relation = index_open(index, AccessShareLock);
    const IndexExtras *extras = extras_of(relation);
    index_close(relation, AccessShareLock);
    StringInfoData text;
    initStringInfo(&text);
    bool is_default = true;
    for (int i = 0; i < extras->column_count; i++) {
        const int target = extras->targets[i].isnull ? -1 : DatumGetInt16(extras->targets[i].value);
        is_default = is_default && target < 0;
        appendStringInfo(&text, "%s%d", i > 0 ? "," : "{", target);
    }
    appendStringInfoChar(&text, '}');
    return is_default ? nullptr : text.data;
}

void set_statistics_targets(Oid index, const char *targets)
{
    constexpr int16 largest = 10000; /* of ALTER INDEX */
    Datum *values;
    bool *are_null;
    int count;
    const Datum array = OidInputFunctionCall(F_ARRAY_IN, pstrdup(targets), INT2OID, -1);
    deconstruct_array(DatumGetArrayTypeP(array), INT2OID, sizeof(int16), true, TYPALIGN_SHORT, &values, &are_null,
                      &count);
    Relation attributes = table_open(AttributeRelationId, RowExclusiveLock);
    for (int i = 0; i < count; i++)
        if (!are_null[i] && DatumGetInt16(values[i]) >= 0)
            set_target(attributes, index, static_cast<AttrNumber>(i + 1),
                       {Int16GetDatum(std::min(DatumGetInt16(values[i]), largest)), false});
    table_close(attributes, RowExclusiveLock);
    CommandCounterIncrement();
}

char *extension_names(Oid index)
{
    List *extensions = getAutoExtensionsOfObject(RelationRelationId, index);
    if (extensions == NIL)
        return nullptr;
    auto *names = static_cast<Datum *>(palloc(sizeof(Datum) * list_length(extensions)));
    int count = 0;
    ListCell *cell;
    foreach (cell, extensions)
        if (const char *name = get_extension_name(lfirst_oid(cell)))
            names[count++] = CStringGetTextDatum(name);
    const Datum array = PointerGetDatum(construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT));
    return OidOutputFunctionCall(F_ARRAY_OUT, array);
}

void add_extensions(Oid index, const char *names)
{
    Datum *values;
    bool *are_null;
    int count;
    const Datum array = OidInputFunctionCall(F_ARRAY_IN, pstrdup(names), TEXTOID, -1);
    deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &values, &are_null, &count);
    for (int i = 0; i < count; i++) {
        const Oid extension = are_null[i] ? InvalidOid : get_extension_oid(TextDatumGetCString(values[i]), true);
        if (OidIsValid(extension))
            depend_on_extension(index, extension);
    }
}

bool is_own_index(Oid index)
{
    bool is_found = false;
    const Oid whole = get_rel_relispartition(index) ? llast_oid(get_partition_ancestors(index)) : index;
    visit_referenced(RelationRelationId, whole,
                     [&](const FormData_pg_depend &form) { is_found |= form.deptype == DEPENDENCY_INTERNAL; });
    return is_found;
}

bool is_left_invalid(Oid index)
{
    return !get_index_isvalid(index) && get_rel_relkind(index) != RELKIND_PARTITIONED_INDEX;
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

ShownNames shown_names(Oid successor, const UserIndexes &indexes)
{
    ShownNames names(successor);
    for (int i = list_length(indexes.statements) - 1; i >= 0; i--)
        names.add(call([=] { return hidden_name(successor, i); }),
                  call([&] { return list_nth_node(IndexStmt, indexes.statements, i)->idxname; }));
    return names;
}

void create_hidden_indexes(Oid relid, Oid storage, const UserIndexes &indexes)
{
    UserIndexes hidden = indexes;
    call([&] {
        hidden.statements = static_cast<List *>(copyObjectImpl(indexes.statements));
        for (int i = 0; i < list_length(hidden.statements); i++)
            list_nth_node(IndexStmt, hidden.statements, i)->idxname = hidden_name(relid, i);
    });
    const ShownNames names = shown_names(relid, indexes);
    try {
        create_user_indexes(relid, storage, hidden);
    } catch (const PgError &error) {
        names.show_in(error.data);
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
    AsOwner as_owner(call([=] { return owner_of_relation(relid); }), Sharing::all);
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
