#include "storage/index_placement.hpp"

#include "pg/relation_row.hpp"
#include "storage/storage.hpp"
#include "storage/user_indexes.hpp"

extern "C" {
#include "access/genam.h"
#include "access/table.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "mb/pg_wchar.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/snapmgr.h"
}

#include <cctype>

namespace pgtrickle::storage {

namespace {

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

/* Whether one of the heap's other indexes in the reserved schema has the name that PostgreSQL has given the copy,
 * without its suffix. It shortens a name that becomes too long, by whole characters. */
bool has_hidden_original(Oid heap, Oid copy, const char *name, size_t length, Oid schema)
{
    const bool may_be_shortened = strlen(name) + pg_database_encoding_max_length() >= NAMEDATALEN;
    bool is_found = false;
    Relation relation = table_open(heap, AccessShareLock);
    ListCell *cell;
    foreach (cell, RelationGetIndexList(relation)) {
        const char *other = get_rel_name(lfirst_oid(cell));
        is_found |= lfirst_oid(cell) != copy && other != nullptr && get_rel_namespace(lfirst_oid(cell)) == schema &&
                    strncmp(other, name, length) == 0 && (other[length] == '\0' || may_be_shortened);
    }
    table_close(relation, NoLock);
    return is_found;
}

/* Whether a new index in the reserved schema belongs there. The extension gives names that begin with that of the heap.
 * A copy that REINDEX CONCURRENTLY creates belongs where the other index is: users choose names, but not heaps. */
bool is_hidden_index(Oid heap, Oid index, const char *name, Oid schema)
{
    if (const size_t length = length_before_copy_suffix(name); length > 0)
        return has_hidden_original(heap, index, name, length, schema);
    const char *heap_name = get_rel_name(heap);
    return strncmp(name, heap_name, strlen(heap_name)) == 0 && name[strlen(heap_name)] == '_';
}

} // namespace

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

namespace {

/* Returns the name in the user's schema of an index that PostgreSQL has named for the schema of its heap. It names the
 * original of a copy likewise in the end. */
const char *users_name(const char *name, Oid schema)
{
    const size_t length = length_before_copy_suffix(name);
    if (length == 0)
        return name;
    const char *original = pnstrdup(name, length), *replaced = psprintf("%s_ccold", original);
    if (OidIsValid(get_relname_relid(replaced, schema)))
        ereport(ERROR, (errcode(ERRCODE_DUPLICATE_TABLE),
                        errmsg("relation \"%s\" already exists in schema \"%s\"", replaced, get_namespace_name(schema)),
                        errhint("A REINDEX CONCURRENTLY that has failed leaves such an index. Drop it first.")));
    return ChooseRelationName(original, nullptr, "ccnew", schema, false);
}

} // namespace

void place_new_index(Oid relation)
{
    const Oid schema = get_namespace_oid(schema_name, true);
    const char *name = OidIsValid(schema) ? name_of_new_index(relation, schema) : nullptr;
    if (name == nullptr)
        return;
    CommandCounterIncrement();
    const Oid heap = IndexGetRelation(relation, false), relid = served_from(heap);
    if (OidIsValid(relid) && !is_hidden_index(heap, relation, name, schema))
        place(relation, get_rel_namespace(relid), users_name(name, get_rel_namespace(relid)));
}

void move_user_indexes(Oid storage, Oid schema)
{
    Relation heap = table_open(storage, ShareUpdateExclusiveLock);
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

} // namespace pgtrickle::storage
