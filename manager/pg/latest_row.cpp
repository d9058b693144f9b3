#include "pg/latest_row.hpp"

extern "C" {
#include "access/subtrans.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "executor/tuptable.h"
#include "storage/procarray.h"
#include "utils/snapmgr.h"
}

namespace pgtrickle {

namespace {

HeapTuple lock_in_mode(Relation table, HeapTuple tuple, LockTupleMode mode)
{
    TupleTableSlot *slot = table_slot_create(table, nullptr);
    TM_FailureData failure;
    TM_Result result = table_tuple_lock(table, &tuple->t_self, SnapshotAny, slot, GetCurrentCommandId(true), mode,
                                        LockWaitBlock, TUPLE_LOCK_FLAG_FIND_LAST_VERSION, &failure);
    if (result != TM_Ok && result != TM_Deleted)
        ereport(ERROR,
                (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                 errmsg("a row of table \"%s\" was changed by another transaction", RelationGetRelationName(table))));
    HeapTuple latest = result == TM_Ok ? ExecCopySlotHeapTuple(slot) : nullptr;
    ExecDropSingleTupleTableSlot(slot);
    return latest;
}

} // namespace

HeapTuple lock_latest(Relation table, HeapTuple tuple)
{
    return lock_in_mode(table, tuple, LockTupleNoKeyExclusive);
}

bool remove_latest(Relation table, HeapTuple tuple)
{
    HeapTuple latest = lock_in_mode(table, tuple, LockTupleExclusive);
    if (latest == nullptr)
        return false;
    CatalogTupleDelete(table, &latest->t_self);
    heap_freetuple(latest);
    return true;
}

TransactionId writer_of(HeapTuple tuple)
{
    if ((tuple->t_data->t_infomask & (HEAP_XMAX_INVALID | HEAP_XMAX_IS_MULTI)) != 0)
        return InvalidTransactionId;
    TransactionId writer = HeapTupleHeaderGetRawXmax(tuple->t_data);
    bool is_other = TransactionIdIsValid(writer) && !TransactionIdIsCurrentTransactionId(writer);
    return is_other && TransactionIdIsInProgress(writer) ? SubTransGetTopmostTransaction(writer) : InvalidTransactionId;
}

} // namespace pgtrickle
