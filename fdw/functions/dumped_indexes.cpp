/*
 * The indexes of a stream table that a dump contains, as an SQL function. A dump reads them long after its snapshot
 * was taken, and meanwhile the storage and its indexes may have been replaced. So they are read as they are now, as
 * pg_get_indexdef() reads an index, under locks that exclude that they are replaced or dropped at this moment.
 */
#include "definition/stream_table.hpp"
#include "fdw/sql/arguments.hpp"
#include "fdw/sql/result_rows.hpp"
#include "storage/storage.hpp"
#include "storage/user_indexes.hpp"

extern "C" {
#include "access/table.h"
#include "catalog/pg_class.h"
#include "commands/comment.h"
#include "commands/tablespace.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
}

namespace pgtrickle {

namespace {

struct ListedIndex {
    const char *definition;
    const char *tablespace, *comment, *statistics, *extensions; /* or null */
};

/* The functions from here on are PostgreSQL frames, until list(). */

/* pg_dump omits an index that a failed statement has left, too. */
bool is_dumped(Oid index)
{
    return SearchSysCacheExists1(RELOID, ObjectIdGetDatum(index)) && !storage::is_left_invalid(index);
}

/* Returns null if it is that of the storage, and an empty text if it is that of the database instead. */
const char *tablespace_of_its_own(Oid index, Oid storage)
{
    const Oid tablespace = get_rel_tablespace(index), of_storage = get_rel_tablespace(storage);
    if (tablespace == of_storage)
        return nullptr;
    return OidIsValid(tablespace) ? get_tablespace_name(tablespace) : "";
}

/* Returns null if the index is not dumped, or was dropped by DROP INDEX CONCURRENTLY. */
ListedIndex *dumped(Oid index, Oid storage)
{
    ListedIndex *found = nullptr;
    LockRelationOid(index, AccessShareLock);
    if (is_dumped(index)) {
        found = static_cast<ListedIndex *>(palloc(sizeof(ListedIndex)));
        found->definition = TextDatumGetCString(DirectFunctionCall1(pg_get_indexdef, ObjectIdGetDatum(index)));
        found->tablespace = tablespace_of_its_own(index, storage);
        found->comment = GetComment(index, RelationRelationId, 0);
        found->statistics = storage::statistics_targets(index);
        found->extensions = storage::extension_names(index);
    }
    UnlockRelationOid(index, AccessShareLock);
    return found;
}

/* Returns a list of ListedIndex. */
List *dumped_indexes(Oid relid)
{
    List *found = NIL;
    if (!definition::is_stream_table(relid) || !definition::lock_if_exists(relid, AccessShareLock))
        return NIL;
    const Oid storage = enter([=] { return storage::storage_of(relid); });
    if (OidIsValid(storage)) {
        Relation heap = table_open(storage, AccessShareLock);
        ListCell *cell;
        foreach (cell, RelationGetIndexList(heap)) {
            ListedIndex *index = storage::is_own_index(lfirst_oid(cell)) ? nullptr : dumped(lfirst_oid(cell), storage);
            found = index != nullptr ? lappend(found, index) : found;
        }
        table_close(heap, AccessShareLock);
    }
    UnlockRelationOid(relid, AccessShareLock);
    return found;
}

void list(FunctionCallInfo fcinfo)
{
    Rows rows(fcinfo);
    const Oid relid = PG_GETARG_OID(0);
    List *indexes = call([=] { return dumped_indexes(relid); });
    ListCell *cell;
    foreach (cell, indexes) {
        const auto *index = static_cast<const ListedIndex *>(lfirst(cell));
        rows.text(index->definition);
        for (const char *text : {index->tablespace, index->comment, index->statistics, index->extensions})
            rows.text(text);
        rows.add();
    }
}

} // namespace

} // namespace pgtrickle

SQL_FUNCTION(pgtrickle_dumped_indexes)
{
    pgtrickle::list(fcinfo);
    return Datum{0};
}
