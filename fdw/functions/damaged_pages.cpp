#include "fdw/functions/damaged_pages.hpp"

#include "pg/attempt.hpp"
#include "pg/versions/heaps.hpp"

extern "C" {
#include "access/amapi.h"
#include "access/genam.h"
#include "access/relation.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/snapmgr.h"
}

namespace pgtrickle {

namespace {

/* PostgreSQL frames. */

void read_pages(Relation relation)
{
    BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);
    const BlockNumber count = RelationGetNumberOfBlocks(relation);
    for (BlockNumber block = 0; block < count; block++) {
        CHECK_FOR_INTERRUPTS();
        ReleaseBuffer(ReadBufferExtended(relation, MAIN_FORKNUM, block, RBM_NORMAL, strategy));
    }
    FreeAccessStrategy(strategy);
}

/* The first page of an index of each kind describes the index. */
void require_first_page(Relation index)
{
    bool is_empty = RelationGetNumberOfBlocks(index) == 0;
    if (!is_empty) {
        Buffer buffer = ReadBuffer(index, 0);
        LockBuffer(buffer, BUFFER_LOCK_SHARE);
        is_empty = PageIsNew(BufferGetPage(buffer));
        UnlockReleaseBuffer(buffer);
    }
    if (is_empty)
        ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
                        errmsg("the first page of index \"%s\" is empty", RelationGetRelationName(index))));
}

/* Reads the page of a row, instead of that in `buffer`. Returns whether there is such a row, visible or not. */
bool is_row(Relation heap, ItemPointer place, Buffer *buffer)
{
    *buffer = ReleaseAndReadBuffer(*buffer, heap, ItemPointerGetBlockNumber(place));
    LockBuffer(*buffer, BUFFER_LOCK_SHARE);
    Page page = BufferGetPage(*buffer);
    const OffsetNumber number = ItemPointerGetOffsetNumber(place);
    const bool answer =
        !PageIsNew(page) && number <= PageGetMaxOffsetNumber(page) && ItemIdIsUsed(PageGetItemId(page, number));
    LockBuffer(*buffer, BUFFER_LOCK_UNLOCK);
    return answer;
}

/* A page that was zeroed looks like one that was never used, but entries of indexes lead to it, and from it to
 * others. By an entry without a row, other rows would be found once its place is used again. VACUUM removes no row
 * before its entries; it is kept out, as scans of some kinds do not pin the page of an entry. */
void follow_entries(Relation heap, Relation index)
{
    if (!index->rd_indam->amoptionalkey || index->rd_indam->amgettuple == nullptr)
        return;
    Buffer buffer = InvalidBuffer;
    IndexScanDesc scan = begin_index_scan(heap, index, SnapshotAny, 0);
    index_rescan(scan, nullptr, 0, nullptr, 0);
    while (ItemPointer place = index_getnext_tid(scan, ForwardScanDirection)) {
        CHECK_FOR_INTERRUPTS();
        if (!is_row(heap, place, &buffer))
            ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
                            errmsg("index \"%s\" has an entry for no row of \"%s\"", RelationGetRelationName(index),
                                   RelationGetRelationName(heap))));
    }
    index_endscan(scan);
    if (BufferIsValid(buffer))
        ReleaseBuffer(buffer);
}

void read_index(Relation heap, Oid relid)
{
    Relation index = index_open(relid, AccessShareLock);
    if (index->rd_rel->relkind == RELKIND_INDEX) {
        require_first_page(index);
        read_pages(index);
        follow_entries(heap, index);
    }
    index_close(index, AccessShareLock);
}

void read_relation(Oid relid)
{
    Relation relation = relation_open(relid, ShareUpdateExclusiveLock);
    if (RELKIND_HAS_STORAGE(relation->rd_rel->relkind))
        read_pages(relation);
    ListCell *cell;
    foreach (cell, RelationGetIndexList(relation))
        read_index(relation, lfirst_oid(cell));
    if (OidIsValid(relation->rd_rel->reltoastrelid))
        read_relation(relation->rd_rel->reltoastrelid);
    relation_close(relation, ShareUpdateExclusiveLock);
}

void read_tree(Oid heap)
{
    ListCell *cell;
    foreach (cell, find_all_inheritors(heap, AccessShareLock, nullptr))
        read_relation(lfirst_oid(cell));
}

/* Whether the error is about what is stored: a page, or a file that is missing or cannot be read. */
bool is_about_files(const PgError &error)
{
    const int category = ERRCODE_TO_CATEGORY(error.data->sqlerrcode);
    return category == ERRCODE_INTERNAL_ERROR || category == ERRCODE_SYSTEM_ERROR;
}

} // namespace

std::string damage_of_pages(Oid heap)
{
    try {
        without_keeping_locks([=] { call([=] { read_tree(heap); }); });
    } catch (const PgError &error) {
        if (!is_about_files(error))
            throw;
        return error.data->message;
    }
    return {};
}

} // namespace pgtrickle
