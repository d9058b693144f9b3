#include "refresh/place_rows.hpp"

#include "definition/state/state.hpp"
#include "definition/stream_table.hpp"
#include "refresh/program/compiled.hpp"
#include "refresh/program/scope.hpp"
#include "storage/apply/placement.hpp"
#include "storage/apply/uniqueness.hpp"

extern "C" {
#include "access/xact.h"
#include "storage/lmgr.h"
#include "utils/snapmgr.h"
}

namespace pgtrickle::refresh {

namespace {

/* The locks of a refresh. PostgreSQL frame. */
bool lock_at_once(Oid relid)
{
    LOCKTAG refresh = state::refresh_lock(relid);
    return ConditionalLockRelationOid(relid, RowExclusiveLock) &&
           LockAcquire(&refresh, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

/* PostgreSQL frame. */
bool place_rows_of(const CompiledStep &storage)
{
    CommandCounterIncrement();
    PushActiveSnapshot(GetLatestSnapshot());
    storage::Arrangement *arrangement = storage::open_arrangement(storage.heap, storage.facts);
    const bool is_done = storage::place_rows(arrangement);
    storage::check_uniqueness(arrangement);
    storage::close_arrangement(arrangement);
    PopActiveSnapshot();
    return is_done;
}

} // namespace

bool place_rows(Oid relid)
{
    if (!call([=] { return !IsTransactionBlock() && lock_at_once(relid); }))
        return false;
    if (!call([=] { return definition::is_stream_table(relid); }) || !has_current_layout(relid))
        return true;
    Compiled &compiled = compiled_of(relid);
    CompiledStep &storage = compiled.steps.back();
    if (!storage.may_have_rows_to_place)
        return true;
    Scope scope(compiled.definition);
    storage.may_have_rows_to_place = !call([&] { return place_rows_of(storage); });
    return !storage.may_have_rows_to_place;
}

} // namespace pgtrickle::refresh
