#include "refresh/batch/repeatable_read.hpp"

#include "capture/ddl/repeatable_read.hpp"
#include "capture/log/log.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "utils/snapmgr.h"
}

#include <algorithm>
#include <set>

namespace pgtrickle::refresh {

namespace {

/* Whether `committed`, the frontier from which a refresh starts, includes a change that `snapshot` does not
 * see: the snapshot is then too old to continue from the frontier. */
bool is_newer_than(const Frontier &committed, Snapshot snapshot)
{
    Frontier seen = Frontier::of_snapshot(snapshot, 0);
    if (committed.xmax > seen.xmax)
        return true;
    return std::any_of(seen.xip.begin(), seen.xip.end(), [&](uint64_t xid) {
        return xid < committed.xmax && !std::binary_search(committed.xip.begin(), committed.xip.end(), xid);
    });
}

/* Whether a refresh has been committed that the active snapshot does not see: the snapshot then does not see
 * the rows of the frontier either, even if the frontier includes no change that the snapshot lacks. */
bool was_refreshed_since(const Member &member)
{
    state::StateRow seen;
    return !state::read(member.compiled->relid(), &seen, GetActiveSnapshot()) ||
           seen.frontier != member.state.frontier || seen.own_xid != member.state.own_xid ||
           seen.own_seq != member.state.own_seq;
}

void require_not_refreshed_since(const Member &member)
{
    if (member.state.frontier.empty())
        return;
    Frontier committed = Frontier::from_text(member.state.frontier.c_str(), member.state.own_xid, member.state.own_seq);
    if (is_newer_than(committed, GetActiveSnapshot()) || was_refreshed_since(member) ||
        !call([&] { return storage::is_seen_as_it_is(member.compiled->steps.back().heap, GetActiveSnapshot()); }))
        raise({.sqlstate = ERRCODE_T_R_SERIALIZATION_FAILURE,
               .message = "could not refresh stream table \"" + member.compiled->definition.name +
                          "\" due to a concurrent refresh",
               .detail = "A newer state was committed after this transaction took its snapshot.",
               .hint = "Retry the transaction."});
}

bool is_seen(const CompiledSource &source, const capture::OldSnapshot &old)
{
    return call([&] { return capture::is_source_seen(source.relid, old); }) && (!source.is_stream_table || call([&] {
               return storage::is_seen_as_it_is(storage::storage_of(source.relid), old.snapshot);
           }));
}

void require_seen(const Member &member, const CompiledSource &source, const capture::OldSnapshot &old)
{
    if (is_seen(source, old))
        return;
    call([&] { capture::require_untrimmed(source.relid, old.snapshot); });
    raise({.sqlstate = ERRCODE_T_R_SERIALIZATION_FAILURE,
           .message = "could not refresh stream table \"" + member.compiled->definition.name +
                      "\" due to a concurrent change of a source",
           .detail = std::string("Source ") + call([&] { return definition::qualified_name(source.relid); }) +
                     " was changed by this transaction, and rows of it were deleted or updated by others, or it was "
                     "truncated, rewritten or repartitioned, and the snapshot of this transaction does not "
                     "include all committed changes.",
           .hint = "Retry the transaction."});
}

void require_no_newer_constraint_of(const Member &member, const CompiledSource &source, const capture::OldSnapshot &old)
{
    if (call([&] {
            const Oid storage = source.is_stream_table ? storage::storage_of(source.relid) : InvalidOid;
            return capture::has_newer_constraint(source.relid, storage, old);
        }))
        raise(
            {.sqlstate = ERRCODE_T_R_SERIALIZATION_FAILURE,
             .message = "could not refresh stream table \"" + member.compiled->definition.name +
                        "\" due to a concurrent change of a source",
             .detail = std::string("Source ") + call([&] { return definition::qualified_name(source.relid); }) +
                       " has a unique index or constraint that is newer than the snapshot of the refresh, and rows of "
                       "it were deleted or updated meanwhile.",
             .hint = "Retry the transaction."});
}

/* Calls check() for each source of a member, once, with the active snapshot and the latest one. */
template <class Check> void check_sources(const Batch &batch, Check check)
{
    Snapshot snapshot = GetActiveSnapshot();
    call([] { PushCopiedSnapshot(GetLatestSnapshot()); });
    const capture::OldSnapshot old = capture::OldSnapshot::of(snapshot, GetActiveSnapshot());
    std::set<Oid> known;
    for (const Member &member : batch.members)
        for (const CompiledSource &source : member.compiled->sources)
            if (known.insert(source.relid).second)
                check(member, source, old);
    call([] { PopActiveSnapshot(); });
}

} // namespace

void require_snapshot_serves(const Batch &batch)
{
    for (const Member &member : batch.members)
        require_not_refreshed_since(member);
    check_sources(batch, require_seen);
}

void require_no_newer_constraint(const Batch &batch)
{
    check_sources(batch, require_no_newer_constraint_of);
}

} // namespace pgtrickle::refresh
