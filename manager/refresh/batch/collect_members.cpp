#include "refresh/batch/collect_members.hpp"

#include "definition/definition.hpp"
#include "definition/restoring.hpp"
#include "definition/state/marks.hpp"
#include "refresh/batch/excluded_members.hpp"
#include "refresh/batch/refresh_right.hpp"
#include "refresh/sets/refresh_sets.hpp"
#include "storage/index_locks.hpp"

extern "C" {
#include "storage/lmgr.h"
#include "storage/lock.h"
}

#include <algorithm>
#include <map>
#include <set>

namespace pgtrickle::refresh {

namespace {

bool has_been_filled(Oid relid)
{
    state::StateRow row;
    return state::read(relid, &row) && row.is_populated;
}

/* Returns true if the next refresh starts from nothing. */
bool is_to_be_filled(Oid relid)
{
    state::StateRow row;
    return !state::read(relid, &row) || !row.is_populated || row.needs_reinit;
}

/* Whether the last refresh was one of a stream table that has deltas. */
bool has_deltas(Oid relid)
{
    state::StateRow row;
    return state::read(relid, &row) && row.is_incremental.value_or(false);
}

/* Stream tables found on the way upstream. */
struct Collected {
    const BatchRequest &request;
    Reach reach;
    std::set<Oid> named;
    bool is_read;            /* by this transaction: its plan refers to the heaps as they are */
    bool waits_for_restores; /* set for the manager, which does not fill what a session restores */
    std::map<Oid, Member> found;
    std::vector<Oid> path; /* current path of the search: each stream table reads the next */

    bool takes(Oid upstream) const
    {
        if (named.count(upstream) != 0)
            return true;
        if (request.is_at_commit && !has_deltas(upstream))
            return false;
        return (reach == Reach::all_upstreams || !has_been_filled(upstream)) && may_refresh_here(upstream);
    }
};

/* Thrown by collect() before anything of the query is looked at, since its owner may not be the final one
 * yet. */
struct BeingRestored {
    Oid relid;
};

/* A view that was replaced while the extension was not loaded may have closed a cycle. */
void check_for_cycle(Oid relid, const std::vector<Oid> &path)
{
    auto first = std::find(path.begin(), path.end(), relid);
    if (first == path.end())
        return;
    std::vector<Oid> circle(first, path.end());
    circle.push_back(relid);
    definition::raise_cycle(circle);
}

/* Builds the heaps of the stream table again, if they are not those that its query needs. It is locked by RowExclusive,
 * which is given up before the wait for AccessExclusive: two refreshes that have it would wait for each other. */
void rebuild_if_needed(Oid relid)
{
    if (!needs_other_heaps(relid))
        return;
    call([=] { UnlockRelationOid(relid, RowExclusiveLock); });
    storage::lock_with_storage(relid);
    if (!call([=] { return definition::is_stream_table(relid); }))
        definition::raise_dropped(relid);
    if (needs_other_heaps(relid))
        rebuild_heaps(relid);
}

/* Locks the definitions of `relid`, unless the caller has done so, and of its upstreams, and assigns each its level. */
int collect(Oid relid, Collected &collected, bool is_locked = false)
{
    check_for_cycle(relid, collected.path);
    std::map<Oid, Member> &found = collected.found;
    if (auto known = found.find(relid); known != found.end())
        return known->second.level;
    if (!is_locked)
        call([=] { LockRelationOid(relid, RowExclusiveLock); });
    if (!call([=] { return definition::is_stream_table(relid); }))
        definition::raise_dropped(relid);
    call([=] { state::await_invalidations_of_marks(relid); });
    if (collected.waits_for_restores && is_to_be_filled(relid) &&
        call([=] { return definition::is_restored_elsewhere(relid); }))
        throw BeingRestored{relid};
    Member member{};
    member.outcome.relid = relid;
    collected.path.push_back(relid);
    as_part_of(relid, Action::skip, [&] {
        member.is_left_out =
            has_been_filled(relid) && needs_other_heaps(relid) && is_left_out(relid, collected.request);
        if (member.is_left_out) {
            member.compiled = &compiled_beside_heaps(relid);
        } else if (collected.is_read) {
            member.compiled = &compiled_of(relid);
        } else {
            rebuild_if_needed(relid);
            member.compiled = &compiled_with_current_layout(relid);
        }
        for (const CompiledSource &source : member.compiled->sources)
            if (source.is_stream_table && collected.takes(source.relid))
                member.level = std::max(member.level, 1 + collect(source.relid, collected));
    });
    collected.path.pop_back();
    return found.emplace(relid, std::move(member)).first->second.level;
}

bool lock_object(Oid relid, LockWait wait)
{
    try {
        return call([=] {
            LOCKTAG tag = state::refresh_lock(relid);
            return LockAcquire(&tag, ExclusiveLock, false, wait == LockWait::skip_if_locked) != LOCKACQUIRE_NOT_AVAIL;
        });
    } catch (const PgError &error) {
        if (error.data->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE)
            throw;
        raise({.sqlstate = ERRCODE_LOCK_NOT_AVAILABLE,
               .message = "could not lock stream table " +
                          std::string(call([=] { return definition::qualified_name(relid); })) + " in time",
               .detail = "Another refresh of it is running, waiting for locks, or not yet committed.",
               .hint = "See pgtrickle.blocked_refreshes() for the lock holders.",
               .is_public = true});
    }
}

} // namespace

void unlock_objects(const std::vector<Oid> &relids)
{
    for (Oid relid : relids)
        call([=] {
            LOCKTAG tag = state::refresh_lock(relid);
            LockRelease(&tag, ExclusiveLock, false);
        });
}

namespace {

/* Returns the stream tables by level and OID. */
std::vector<Oid> in_order(const Collected &collected)
{
    std::vector<Oid> relids;
    for (const auto &[relid, member] : collected.found)
        relids.push_back(relid);
    std::stable_sort(relids.begin(), relids.end(),
                     [&](Oid a, Oid b) { return collected.found.at(a).level < collected.found.at(b).level; });
    return relids;
}

/* Collects the named stream tables and all their upstreams, with the atomic sets and refresh groups of any of
 * these. A stream table that is dropped while its lock is waited for is in no set. */
void collect_all_below(const BatchRequest &request, Collected &collected)
{
    std::vector<Oid> open = request.members;
    auto open_unless_found = [&](const std::vector<Oid> &relids) {
        for (Oid relid : relids)
            if (collected.found.count(relid) == 0)
                open.push_back(relid);
    };
    while (!open.empty()) {
        for (Oid relid : open)
            if (collected.named.count(relid) != 0)
                collect(relid, collected);
            else if (collected.found.count(relid) == 0 &&
                     call([=] { return definition::lock_if_exists(relid, RowExclusiveLock); }))
                collect(relid, collected, true);
        open.clear();
        refresh_sets().process_invalidations();
        std::vector<Oid> all;
        for (const auto &[relid, member] : collected.found)
            all.push_back(relid);
        refresh_sets().read_sets_around(all);
        for (Oid relid : all) {
            open_unless_found(refresh_sets().group_of(relid));
            open_unless_found(refresh_sets().atomic_set_of(relid));
        }
    }
}

/* Repeats until the sets that the stream tables belong to under their locks are locked, too. Returns the
 * stream table that could not be locked, or InvalidOid. */
Oid collect_and_lock(const BatchRequest &request, Collected &collected)
try {
    std::vector<Oid> locked;
    for (;;) {
        if (request.reach == Reach::all_upstreams)
            collect_all_below(request, collected);
        for (Oid relid : request.members)
            collect(relid, collected);
        if (locked.size() == collected.found.size())
            return InvalidOid;
        unlock_objects(locked);
        locked = in_order(collected);
        for (size_t i = 0; i < locked.size(); i++)
            if (!lock_object(locked[i], request.wait)) {
                unlock_objects({locked.begin(), locked.begin() + static_cast<ptrdiff_t>(i)});
                return locked[i];
            }
    }
} catch (const BeingRestored &restored) {
    return restored.relid;
}

bool is_known(const std::vector<Oid> &found, const std::vector<std::vector<Oid>> &known)
{
    return found.empty() || std::any_of(known.begin(), known.end(), [&](const std::vector<Oid> &other) {
               return std::includes(other.begin(), other.end(), found.begin(), found.end());
           });
}

/* Returns the first named stream table that is in a larger set than the request knows of, or InvalidOid. A
 * stream table that the request does not name, and that is refreshed to be filled, has shown no state to any
 * reader. A request that keeps more stream tables together than the catalogs do is correct, too: the manager
 * notices that a set has become smaller when it reads definitions next. */
Oid first_in_larger_set(const BatchRequest &request)
{
    refresh_sets().process_invalidations();
    refresh_sets().read_sets_around(request.members);
    for (Oid relid : request.members)
        if (!request.atomic_sets.cover(refresh_sets().atomic_set_of(relid)) ||
            !is_known(refresh_sets().group_of(relid), request.groups))
            return relid;
    return InvalidOid;
}

scheduler::AtomicSets sets_among(const Collected &collected)
{
    std::vector<Oid> relids;
    for (const auto &[relid, member] : collected.found)
        relids.push_back(relid);
    return refresh_sets().atomic_sets().among(relids);
}

} // namespace

Batch collect_members(const BatchRequest &request)
{
    const bool is_read =
        request.requested_by == scheduler::RequestedBy::reader && request.reach == Reach::all_upstreams;
    Collected collected = {request,
                           request.reach,
                           {request.members.begin(), request.members.end()},
                           is_read,
                           request.wait == LockWait::skip_if_locked && request.reach == Reach::named,
                           {},
                           {}};
    if (Oid locked = collect_and_lock(request, collected); locked != InvalidOid)
        return Batch::without_members({.locked = locked, .lock = state::refresh_lock(locked)});
    const bool is_named = request.reach == Reach::named;
    if (Oid other = is_named ? first_in_larger_set(request) : InvalidOid; other != InvalidOid)
        return Batch::without_members({.locked = other, .is_in_larger_set = true});
    Batch batch;
    batch.atomic_sets = is_named ? request.atomic_sets : sets_among(collected);
    for (Oid relid : in_order(collected))
        batch.members.push_back(std::move(collected.found.at(relid)));
    return batch;
}

Compiled &compiled_with_current_layout(Oid relid)
{
    Compiled &compiled = compiled_beside_heaps(relid);
    if (!compiled.has_current_layout)
        raise({.sqlstate = ERRCODE_T_R_SERIALIZATION_FAILURE,
               .message = "stream table \"" + definition::load(relid).name +
                          "\" was to be set up again while it was being refreshed",
               .detail = "A role, a constraint or a view that it depends on was altered.",
               .hint = "Try again."});
    return compiled;
}

} // namespace pgtrickle::refresh
