#include "storage/partitions.hpp"

#include "pg/equality.hpp"
#include "pg/relation_row.hpp"
#include "pg/settings.hpp"
#include "pg/type_name.hpp"
#include "pg/versions/heaps.hpp"
#include "storage/column_settings.hpp"
#include "storage/layout.hpp"
#include "storage/storage.hpp"
#include "storage/user_indexes.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/heap.h"
#include "catalog/indexing.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_partitioned_table.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
}

#include <algorithm>

namespace pgtrickle::storage {

namespace {

/* ---- the columns; C++ frames ---------------------------------------------------------- */

int position_of(const engine::Step &step, const std::string &name)
{
    for (int i = 0; i < step.output_count; i++)
        if (step.columns[i].column.name == name)
            return i;
    raise({.sqlstate = ERRCODE_UNDEFINED_COLUMN,
           .message = "column \"" + name + "\" named in partition_by does not exist",
           .hint = "Use an output column of the query."});
}

/* Whether values of the type are compared, hashed and read by PostgreSQL's own functions. */
bool is_of_postgres(Oid type)
{
    return call([=] {
        const char kind = get_typtype(type);
        return kind == TYPTYPE_ENUM || (kind == TYPTYPE_BASE && type < FirstNormalObjectId);
    });
}

[[noreturn]] void refuse_type(const std::string &column, Oid type, const PartitionBy &by)
{
    raise({.sqlstate = ERRCODE_DATATYPE_MISMATCH,
           .message = "cannot partition a stream table by " + by.text(),
           .detail = "Column \"" + column + "\" has type " + call([=] { return format_type_be(type); }) + ".",
           .hint =
               "hour() needs a timestamp, day(), month() and year() a timestamp or a date, RANGE an integer that can "
               "represent its width, LIST and HASH a type of PostgreSQL or an enumeration."});
}

[[noreturn]] void refuse_hash(const std::string &column, const PartitionBy &by)
{
    raise({.sqlstate = ERRCODE_FEATURE_NOT_SUPPORTED,
           .message = "cannot partition a stream table by " + by.text(),
           .detail = "Equal values of column \"" + column +
                     "\" can have different hashes, because its collation is nondeterministic and its type pads.",
           .hint = "Convert the column to text in the query."});
}

char strategy_of(const PartitionBy &by)
{
    switch (by.strategy) {
    case PartitionBy::Strategy::hash: return PARTITION_STRATEGY_HASH;
    case PartitionBy::Strategy::list: return PARTITION_STRATEGY_LIST;
    default: return PARTITION_STRATEGY_RANGE;
    }
}

Oid operator_class_of(Oid type, const PartitionBy &by)
{
    const bool is_hash = by.strategy == PartitionBy::Strategy::hash;
    return call([=] { return GetDefaultOpClass(type, is_hash ? HASH_AM_OID : BTREE_AM_OID); });
}

void check_is_grouping_column(const engine::Step &step, int position)
{
    if (step.layout != engine::Layout::groups || std::ranges::find(step.shown_keys, position) != step.shown_keys.end())
        return;
    raise({.sqlstate = ERRCODE_FEATURE_NOT_SUPPORTED,
           .message = "cannot partition a stream table by column \"" + step.columns[position].column.name +
                      "\", which is not a grouping column",
           .detail = "A group would move from partition to partition as its rows change.",
           .hint = "Partition it by columns of GROUP BY."});
}

/* ---- a partition; PostgreSQL frames --------------------------------------------------- */

/* The columns of the storage, as inherited ones. */
TupleDesc inherited_columns(Relation heap)
{
    TupleDesc columns = CreateTupleDescCopy(RelationGetDescr(heap));
    for (int i = 0; i < columns->natts; i++) {
        TupleDescAttr(columns, i)->attislocal = false;
        TupleDescAttr(columns, i)->attinhcount = 1;
        if (TupleDescAttr(RelationGetDescr(heap), i)->attnotnull)
            set_not_null(columns, static_cast<AttrNumber>(i + 1));
    }
    return columns;
}

/* Copies the indexes of the storage, in the tablespaces of these. */
void copy_indexes(Relation heap, Relation partition)
{
    ListCell *cell;
    foreach (cell, RelationGetIndexList(heap)) {
        Relation index = index_open(lfirst_oid(cell), AccessShareLock);
        const ObjectAddress copy =
            define_index(RelationGetRelid(partition), statement_of(heap, index), false, RelationGetRelid(index));
        withhold_privileges(copy.objectId);
        index_close(index, NoLock);
    }
}

/* Partitions are numbered in the order of their creation. Returns the new one. */
Oid create_partition(Oid relid, Relation heap, PartitionBoundSpec *bound, Datum options)
{
    const Oid heap_oid = RelationGetRelid(heap);
    const int number = RelationGetPartitionDesc(heap, true)->nparts;
    char *name = psprintf("%s_p%d", RelationGetRelationName(heap), number);
    const Oid oid =
        create_heap(relid, name, inherited_columns(heap), RELKIND_RELATION, heap->rd_rel->reltablespace, options);
    ObjectAddress partition, parent;
    ObjectAddressSet(partition, RelationRelationId, oid);
    ObjectAddressSet(parent, RelationRelationId, heap_oid);
    StoreSingleInheritance(oid, heap_oid, 1);
    recordDependencyOn(&partition, &parent, DEPENDENCY_AUTO);
    SetRelationHasSubclass(heap_oid, true);
    CommandCounterIncrement();
    Relation relation = table_open(oid, NoLock);
    StorePartitionBound(relation, heap, bound);
    CommandCounterIncrement();
    const int level = NewGUCNestLevel();
    set_for_now("default_tablespace", "");
    copy_indexes(heap, relation);
    AtEOXact_GUC(false, level);
    table_close(relation, NoLock);
    CommandCounterIncrement();
    return oid;
}

PartitionBoundSpec *new_bound(const PartitionColumns &columns)
{
    PartitionBoundSpec *bound = makeNode(PartitionBoundSpec);
    bound->strategy = columns.strategy;
    bound->location = -1;
    return bound;
}

void create_hash_partitions(Oid relid, Relation heap, const PartitionColumns &columns, int modulus, Datum options)
{
    for (int i = 0; i < modulus; i++) {
        PartitionBoundSpec *bound = new_bound(columns);
        bound->modulus = modulus;
        bound->remainder = i;
        create_partition(relid, heap, bound, options);
    }
}

void create_default_partition(Oid relid, Relation heap, const PartitionColumns &columns, Datum options)
{
    PartitionBoundSpec *bound = new_bound(columns);
    bound->is_default = true;
    create_partition(relid, heap, bound, options);
}

void create_value_partition(Oid relid, Relation heap, const PartitionColumns &columns, Datum value, bool is_null,
                            Datum options)
{
    int16 length;
    bool is_by_value;
    get_typlenbyval(columns.types[0], &length, &is_by_value);
    PartitionBoundSpec *bound = new_bound(columns);
    bound->listdatums =
        list_make1(makeConst(columns.types[0], -1, columns.collations[0], length, value, is_null, is_by_value));
    create_partition(relid, heap, bound, options);
}

void create_list_partitions(Oid relid, Relation heap, const PartitionColumns &columns, const PartitionBy &by,
                            Datum options)
{
    create_default_partition(relid, heap, columns, options);
    create_value_partition(relid, heap, columns, static_cast<Datum>(0), true, options);
    Oid input, parameter;
    getTypeInputInfo(columns.types[0], &input, &parameter);
    const bool is_null = false;
    const int level = NewGUCNestLevel();
    set_for_now("TimeZone", "UTC");
    for (const std::string &text : by.values) {
        const Datum value = OidInputFunctionCall(input, const_cast<char *>(text.c_str()), parameter, -1);
        if (partition_of(heap, &value, &is_null) != default_partition_of(heap))
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("invalid argument: partition_by has the value \"%s\" twice", text.c_str())));
        create_value_partition(relid, heap, columns, value, false, options);
    }
    AtEOXact_GUC(false, level);
}

/* Returns the stream table of a storage. */
Oid stream_table_of(Relation heap)
{
    return served_from(RelationGetRelid(heap));
}

} // namespace

PartitionColumns partition_columns(const engine::Step &step, const PartitionBy &by)
{
    PartitionColumns found = {};
    found.strategy = strategy_of(by);
    if (by.columns.size() > PARTITION_MAX_KEYS)
        raise({.sqlstate = ERRCODE_TOO_MANY_COLUMNS,
               .message =
                   "cannot partition a stream table by more than " + std::to_string(PARTITION_MAX_KEYS) + " columns"});
    for (const std::string &name : by.columns) {
        const int position = position_of(step, name);
        check_is_grouping_column(step, position);
        const engine::Column &column = step.columns[position].column;
        const Oid type = call([&] { return named_type(column.type.c_str()).type; });
        const Oid operator_class = operator_class_of(type, by);
        if (!is_of_postgres(type) || !OidIsValid(operator_class) ||
            (by.strategy == PartitionBy::Strategy::range && !has_ranges(type, by.width)))
            refuse_type(name, type, by);
        const Oid collation = call([&] {
            return column.collation.empty() ? get_typcollation(type) : named_collation(column.collation.c_str());
        });
        if (found.strategy == PARTITION_STRATEGY_HASH &&
            call([=] { return may_extended_hash_differ(type, collation); }))
            refuse_hash(name, by);
        found.columns[found.count] = static_cast<AttrNumber>(position + 1);
        found.types[found.count] = type;
        found.operator_classes[found.count] = operator_class;
        found.collations[found.count++] = collation;
    }
    return found;
}

bool is_partitioned_by(Oid heap, const PartitionBy &by)
{
    if (!by.is_partitioned() || !call([=] { return is_partitioned(heap); }))
        return by.is_partitioned() == call([=] { return is_partitioned(heap); });
    const char strategy = strategy_of(by);
    return call([&, strategy] {
        Relation relation = table_open(heap, AccessShareLock);
        PartitionKey key = RelationGetPartitionKey(relation);
        bool is_same = key->strategy == strategy && key->partnatts == static_cast<int>(by.columns.size());
        for (int i = 0; is_same && i < key->partnatts; i++)
            is_same = by.columns[i] == get_attname(heap, key->partattrs[i], false);
        table_close(relation, NoLock);
        return is_same;
    });
}

void begin_partitions(Oid relid, Oid heap, const PartitionColumns &columns, const PartitionBy &by, Datum options)
{
    PartitionColumns copy = columns;
    Relation relation = table_open(heap, AccessExclusiveLock);
    StorePartitionKey(relation, copy.strategy, static_cast<int16>(copy.count), copy.columns, NIL, copy.operator_classes,
                      copy.collations);
    CommandCounterIncrement();
    switch (by.strategy) {
    case PartitionBy::Strategy::none: break;
    case PartitionBy::Strategy::range: create_default_partition(relid, relation, columns, options); break;
    case PartitionBy::Strategy::list: create_list_partitions(relid, relation, columns, by, options); break;
    case PartitionBy::Strategy::hash: create_hash_partitions(relid, relation, columns, by.modulus, options); break;
    }
    table_close(relation, NoLock);
}

void create_range_partition(Relation heap, const Range &range)
{
    const Oid relid = stream_table_of(heap);
    HeapTuple sibling = SearchSysCache1(RELOID, ObjectIdGetDatum(default_partition_of(heap)));
    bool has_no_options;
    const Datum options = SysCacheGetAttr(RELOID, sibling, Anum_pg_class_reloptions, &has_no_options);
    const Oid partition = create_partition(relid, heap, bound_of(RelationGetPartitionKey(heap)->parttypid[0], range),
                                           has_no_options ? static_cast<Datum>(0) : options);
    ReleaseSysCache(sibling);
    copy_column_settings_to(relid, list_make1_oid(partition));
}

namespace {

/* Returns the type of the column by whose values the storage is partitioned, or InvalidOid. */
Oid type_of_list(Oid heap)
{
    HeapTuple tuple = SearchSysCache1(PARTRELID, ObjectIdGetDatum(heap));
    if (!HeapTupleIsValid(tuple))
        return InvalidOid;
    const auto *partitioned = reinterpret_cast<Form_pg_partitioned_table>(GETSTRUCT(tuple));
    const Oid type = partitioned->partstrat == PARTITION_STRATEGY_LIST
                         ? get_atttype(heap, partitioned->partattrs.values[0])
                         : InvalidOid;
    ReleaseSysCache(tuple);
    return type;
}

/* Returns the value of a partition of a list; null for the default partition, and the one for NULL. */
const Const *value_of_partition(Oid partition)
{
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(partition));
    if (!HeapTupleIsValid(tuple))
        return nullptr;
    bool is_null;
    const Datum stored = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_relpartbound, &is_null);
    const auto *bound =
        is_null ? nullptr : static_cast<PartitionBoundSpec *>(stringToNode(TextDatumGetCString(stored)));
    ReleaseSysCache(tuple);
    if (bound == nullptr || bound->is_default)
        return nullptr;
    const auto *value = linitial_node(Const, bound->listdatums);
    return value->constisnull ? nullptr : value;
}

} // namespace

List *labels_of_partitions(Oid heap)
{
    List *labels = NIL;
    const Oid type = type_of_list(heap);
    if (!OidIsValid(type) || get_typtype(type) != TYPTYPE_ENUM)
        return NIL;
    ListCell *cell;
    foreach (cell, find_inheritance_children(heap, NoLock))
        if (const Const *value = value_of_partition(lfirst_oid(cell)); value != nullptr)
            labels = lappend(labels, OidOutputFunctionCall(F_ENUM_OUT, value->constvalue));
    return labels;
}

int room_for_partitions(Relation heap)
{
    return most_partitions - RelationGetPartitionDesc(heap, true)->nparts;
}

void mark_as_altered(Relation heap)
{
    change_relation_row(RelationGetRelid(heap), [](Relation, HeapTuple row) { return row; });
}

bool is_partitioned(Oid heap)
{
    return get_rel_relkind(heap) == RELKIND_PARTITIONED_TABLE;
}

List *row_heaps(Oid heap)
{
    return is_partitioned(heap) ? find_inheritance_children(heap, AccessShareLock) : list_make1_oid(heap);
}

/* As the executor routes a row (get_partition_for_tuple(), which is static). */
Oid partition_of(Relation heap, const Datum *values, const bool *nulls)
{
    PartitionKey key = RelationGetPartitionKey(heap);
    PartitionDesc partitions = RelationGetPartitionDesc(heap, true);
    PartitionBoundInfo bounds = partitions->boundinfo;
    auto *datums = const_cast<Datum *>(values);
    bool is_equal = false;
    int number = -1;
    if (key->strategy == PARTITION_STRATEGY_HASH) {
        const uint64 hash = compute_partition_hash_value(key->partnatts, key->partsupfunc, key->partcollation, datums,
                                                         const_cast<bool *>(nulls));
        number = bounds->indexes[hash % static_cast<uint64>(bounds->nindexes)];
    } else if (nulls[0]) {
        number = key->strategy == PARTITION_STRATEGY_LIST ? bounds->null_index : -1;
    } else if (key->strategy == PARTITION_STRATEGY_LIST) {
        const int offset = partition_list_bsearch(key->partsupfunc, key->partcollation, bounds, values[0], &is_equal);
        number = offset >= 0 && is_equal ? bounds->indexes[offset] : -1;
    } else {
        const int offset =
            partition_range_datum_bsearch(key->partsupfunc, key->partcollation, bounds, 1, datums, &is_equal);
        number = bounds->indexes[offset + 1];
    }
    return partitions->oids[number >= 0 ? number : bounds->default_index];
}

Oid default_partition_of(Relation heap)
{
    PartitionDesc partitions = RelationGetPartitionDesc(heap, true);
    const int number = partitions->nparts > 0 ? partitions->boundinfo->default_index : -1;
    return number >= 0 ? partitions->oids[number] : InvalidOid;
}

} // namespace pgtrickle::storage
