#include "storage/storage.hpp"

#include "definition/state/extension_table.hpp"
#include "pg/relation_row.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

namespace pgtrickle::storage {

namespace {

/* Every query that is planned in the database asks for it. */
Oid find_namespace()
{
    static Oid known = InvalidOid;
    static uint64 known_as_of = 0;
    const uint64 as_of = definition::schema_changes();
    if (known_as_of != as_of)
        known = get_namespace_oid(schema_name, true);
    known_as_of = as_of;
    return known;
}

Oid relation_of(const char *name)
{
    Oid schema = find_namespace();
    return OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;
}

/* Returns the stream table to which this name of a storage, or of a partition of one, belongs; InvalidOid for another
 * name. */
Oid owner_of_storage_name(const char *name)
{
    Oid relid;
    int number, length;
    if (sscanf(name, "st_%u%n", &relid, &length) == 1 && name[length] == '\0')
        return relid;
    return sscanf(name, "st_%u_p%d%n", &relid, &number, &length) == 2 && name[length] == '\0' ? relid : InvalidOid;
}

bool has_rows_or_partitions(Oid relation)
{
    const char kind = get_rel_relkind(relation);
    return kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE;
}

} // namespace

Oid namespace_oid()
{
    return call([] { return find_namespace(); });
}

Oid storage_of(Oid relid)
{
    return call([=] {
        char name[NAMEDATALEN];
        snprintf(name, sizeof(name), "st_%u", relid);
        return relation_of(name);
    });
}

Oid arrangement_of(Oid relid, int step)
{
    return call([=] {
        char name[NAMEDATALEN];
        snprintf(name, sizeof(name), "st_%u_%d", relid, step);
        return relation_of(name);
    });
}

bool is_heap(Oid relation)
{
    return relation >= FirstNormalObjectId && get_rel_namespace(relation) == find_namespace() &&
           has_rows_or_partitions(relation);
}

Oid served_from(Oid heap)
{
    char *name = is_heap(heap) ? get_rel_name(heap) : nullptr;
    return name != nullptr ? owner_of_storage_name(name) : InvalidOid;
}

bool is_seen_as_it_is(Oid heap, Snapshot snapshot)
{
    HeapTuple row = SearchSysCache1(RELOID, ObjectIdGetDatum(heap));
    if (!HeapTupleIsValid(row))
        return true; /* reading it raises the error */
    const TransactionId writer = HeapTupleHeaderGetXmin(row->t_data);
    const bool is_plain = reinterpret_cast<Form_pg_class>(GETSTRUCT(row))->relkind == RELKIND_RELATION;
    /* Rows of a partitioned storage may have been moved; another owner or fillfactor of a heap moves none. */
    const bool is_seen = !TransactionIdIsNormal(writer) || HeapTupleHeaderXminFrozen(row->t_data) ||
                         TransactionIdIsCurrentTransactionId(writer) || !XidInMVCCSnapshot(writer, snapshot) ||
                         (is_plain && file_of(relation_row_seen(heap, snapshot)) == file_of(row));
    ReleaseSysCache(row);
    return is_seen;
}

std::string storage_name(Oid relid)
{
    return "st_" + std::to_string(relid);
}

std::string arrangement_name(Oid relid, int step)
{
    return "st_" + std::to_string(relid) + "_" + std::to_string(step);
}

} // namespace pgtrickle::storage
