#include "refresh/batch/batch.hpp"

#include "capture/capture.hpp"
#include "capture/installer.hpp"
#include "capture/log/log_state.hpp"
#include "capture/source/inheritance.hpp"
#include "capture/source/source_locks.hpp"
#include "capture/source/source_rows.hpp"
#include "capture/triggers/open_statement.hpp"
#include "definition/lock_right.hpp"
#include "refresh/batch/collect_members.hpp"
#include "refresh/batch/excluded_members.hpp"
#include "refresh/program/captured.hpp"
#include "storage/partitions.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "access/xact.h"
#include "storage/lmgr.h"
#include "storage/sinval.h"
#include "utils/inval.h"
#include "utils/snapmgr.h"
}

#include <algorithm>
#include <set>

namespace pgtrickle::refresh {

namespace {

std::vector<Oid> sources_of(const std::vector<Member> &members)
{
    std::vector<Oid> sources;
    for (const Member &member : members)
        for (const CompiledSource &source : member.compiled->sources)
            sources.push_back(source.relid);
    std::sort(sources.begin(), sources.end());
    sources.erase(std::unique(sources.begin(), sources.end()), sources.end());
    return sources;
}

Oid first_dependent(const std::vector<Member> &members, Oid source)
{
    for (const Member &member : members)
        for (const CompiledSource &read : member.compiled->sources)
            if (read.relid == source)
                return member.compiled->relid();
    return InvalidOid;
}

/* Waits for rows that are moved to a new partition: a snapshot that is taken before they have moved sees them in the
 * old one, and a plan that is made afterwards reads the new one. */
void lock_partitions_of(Oid stream_table)
{
    const Oid storage = storage::storage_of(stream_table);
    call([=] {
        if (OidIsValid(storage) && storage::is_partitioned(storage))
            LockRelationOid(storage, AccessShareLock);
    });
}

void lock_source(Oid source, capture::ReadLocks &logs)
{
    call([=] { LockRelationOid(source, AccessShareLock); });
    lock_partitions_of(source);
    logs.lock(source);
    call([=] { capture::require_no_unlogged_changes(source); });
}

/* Names the member and the source in the error, for the history of a refresh that could not get a lock in time. */
template <class Lock> void lock_in_time(Oid member, Oid source, Lock lock)
{
    as_part_of(member, Action::skip, [&] {
        try {
            lock();
        } catch (const PgError &error) {
            if (error.data->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE)
                throw;
            raise({.sqlstate = ERRCODE_LOCK_NOT_AVAILABLE,
                   .message = "could not lock source " +
                              std::string(call([&] { return definition::qualified_name(source); })) + " in time",
                   .detail = "Another transaction holds a lock on it, or on its change log.",
                   .hint = "See pgtrickle.blocked_refreshes() for the lock holder.",
                   .is_public = true});
        }
    });
}

/* Returns why the stored rows may lack changes of the source; null if they cannot. A log that was stopped and begun
 * again for another stream table may lack columns; that invalidates the source, so it is looked for after a
 * compilation. */
const char *damage_of(const Compiled &compiled, const CompiledSource &source)
{
    return call([&]() -> const char * {
        if (const char *damage = capture::damage_of(source.relid))
            return damage;
        const bool is_whole =
            compiled.logs_are_checked || source.is_compared ||
            capture::is_captured_with(source.relid, source.columns.data(), static_cast<int>(source.columns.size()));
        return is_whole ? nullptr : "a column was not logged";
    });
}

/* A commit applies changes, and does nothing else. What has no deltas may depend on the session, as by a STABLE
 * function, and would be stored for all readers; what starts over takes long, or locks out writers. */
void require_not_at_commit(const Member &member, const BatchRequest &request)
{
    if (request.is_at_commit)
        raise({.sqlstate = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
               .message = "stream table \"" + member.compiled->definition.name + "\" cannot be refreshed at a commit"});
}

bool continues_by_deltas(const Member &member)
{
    return !member.compiled->is_full_only() && member.compiled->is_captured() && !member.state.needs_reinit;
}

/* Changes may have been lost while triggers were missing or disabled: capture is repaired, and the stream
 * table starts from nothing. A restored stream table that was never filled has no capture yet, which includes
 * the logs of upstream stream tables. */
void restore_capture(Member &member, const BatchRequest &request)
{
    const bool is_populated = member.state.is_populated;
    std::vector<capture::WantedSource> wanted;
    for (const CompiledSource &source : member.compiled->sources) {
        if (!source.is_captured)
            continue;
        const char *damage = is_populated ? damage_of(*member.compiled, source) : nullptr;
        if (is_populated && damage == nullptr)
            continue;
        wanted.push_back({source.relid, source.columns});
        if (damage != nullptr)
            member.reinitialize_reason = std::string("damaged capture of a source: ") + damage;
    }
    if (!wanted.empty())
        require_not_at_commit(member, request);
    capture::begin_capture(wanted, member.compiled->definition.owner);
    member.compiled->logs_are_checked = true;
}

/* Makes the captured sources follow the privileges of the stream table's owner, and the decisions of the
 * sources' owners. The heaps stay those of the program, even if there are no deltas: readers need not wait
 * for other heaps. */
void follow_privileges(Member &member, const BatchRequest &request)
{
    if (member.compiled->captures_match_privileges)
        return;
    require_not_at_commit(member, request);
    const Definition &definition = member.compiled->definition;
    const Oid relid = definition.relid;
    for (const Source &source : definition.sources) {
        const bool is_captured = may_capture(definition, source);
        if (is_captured == source.is_captured)
            continue;
        call([&] {
            state::set_captured(relid, source.relid, is_captured);
            if (!is_captured)
                capture::release(source.relid);
        });
        if (is_captured)
            member.reinitialize_reason = "a source was not captured before";
    }
    call([=] {
        CacheInvalidateRelcacheByRelid(relid);
        CommandCounterIncrement();
    });
    mailbox::note_definition_change();
    member.compiled = &compiled_of(relid);
}

/* The owner's privileges are checked first: a definition may come from anywhere, for instance from a dump,
 * and until they are checked nothing is done to a source. */
void lock_what_is_read(const std::vector<Member> &members, capture::ReadLocks &logs)
{
    for (const Member &member : members)
        as_part_of(member.compiled->relid(), Action::skip, [&] { check_privileges(*member.compiled); });
    for (Oid source : sources_of(members))
        lock_in_time(first_dependent(members, source), source, [&] { lock_source(source, logs); });
}

/* Locks the partitions and children that a member reads without a log, as damage_of() does with a log: a snapshot that
 * is taken before another transaction has rewritten one of them does not see its rows. */
void lock_uncaptured_trees(const Member &member)
{
    if (member.is_left_out)
        return;
    for (const CompiledSource &source : member.compiled->sources)
        if (!source.is_stream_table && !source.is_only && (!source.is_captured || source.is_compared))
            lock_in_time(member.compiled->relid(), source.relid,
                         [&] { call([&] { (void)capture::tree_of(source.relid, AccessShareLock); }); });
}

/* A stream table that was compiled before its sources were locked may have been altered since; the sources stay the
 * same, because the foreign table is locked. */
void prepare(Member &member, const BatchRequest &request)
{
    if (member.is_left_out)
        return;
    member.compiled = &compiled_with_current_layout(member.compiled->relid());
    follow_privileges(member, request);
    if (!continues_by_deltas(member))
        require_not_at_commit(member, request);
    restore_capture(member, request);
}

/* Returns the sources that an owner of a member which reads them may not keep locked: ATTACH of the source's owner
 * would wait for the refresh. */
std::set<Oid> sources_to_watch(const Batch &batch)
{
    std::set<Oid> sources;
    for (const Member &member : batch.members)
        for (const CompiledSource &read : member.compiled->sources)
            if (!call([&] { return definition::may_keep_locked(read.relid, member.compiled->definition.owner); }))
                sources.insert(read.relid);
    return sources;
}

bool starts_over(const Member &member)
{
    return !member.reinitialize_reason.empty();
}

/* Locks the tree of a source, unless the request does not wait and another transaction has added rows to it. A member
 * that starts over waits: why it does is known to this refresh only. */
bool lock_tree_of(Oid source, const Batch &batch, const BatchRequest &request)
{
    if (request.wait == LockWait::skip_if_locked && request.reach == Reach::all_upstreams &&
        std::none_of(batch.members.begin(), batch.members.end(), starts_over))
        return call([=] { return capture::lock_inheritance_tree_if_free(source); });
    call([=] { capture::lock_inheritance_tree(source); });
    return true;
}

/* Returns the tree that statements which are planned from here on read; if it changes afterwards, a later one. The
 * catalogs show a relation that was added before plans contain it. */
List *tree_to_watch(Oid source)
{
    return call([=] {
        List *tree = capture::tree_of(source, NoLock);
        for (;;) {
            capture::await_added_relations(source);
            List *known = capture::tree_of(source, NoLock);
            if (equal(known, tree))
                return tree;
            tree = known;
        }
    });
}

/* Returns a source whose tree another transaction has locked, or InvalidOid. */
Oid lock_trees(Batch &batch, const BatchRequest &request)
{
    const std::set<Oid> watched = sources_to_watch(batch);
    for (const Oid source : sources_of(batch.members))
        if (watched.count(source) != 0)
            batch.watched_trees.push_back({source, tree_to_watch(source)});
    for (const Oid source : sources_of(batch.members)) {
        if (watched.count(source) != 0)
            continue;
        if (!lock_tree_of(source, batch, request))
            return source;
        batch.locked_trees.push_back(source);
    }
    return InvalidOid;
}

/* Reads the states of the members, and before that their counters: a mark that is committed later is none of a state,
 * but one of the changes that the refresh did not see. */
void read_states(Batch &batch)
{
    batch.observed.clear();
    for (Member &member : batch.members) {
        const Oid relid = member.compiled->relid();
        batch.observed.push_back({relid, mailbox::observe(relid)});
        member.state = {};
        if (!state::read(relid, &member.state))
            raise({.message = "stream table \"" + member.compiled->definition.name + "\" has no state"});
    }
    for (const Member &member : batch.members)
        if (!member.state.marks.empty())
            call([&] { state::await_invalidations_of_marks(member.compiled->relid()); });
}

bool is_of_lower_oid(const ObservedSource &one, const ObservedSource &other)
{
    return one.relid < other.relid;
}

void observe_sources(Batch &batch, const mailbox::SourceCounters &roles)
{
    std::sort(batch.observed.begin(), batch.observed.end(), is_of_lower_oid);
    const std::vector<ObservedSource> members = batch.observed;
    for (Oid source : sources_of(batch.members))
        if (!std::binary_search(members.begin(), members.end(), ObservedSource{source, {}}, is_of_lower_oid))
            batch.observed.push_back({source, mailbox::observe(source)});
    batch.observed.push_back({mailbox::roles, roles});
    std::sort(batch.observed.begin(), batch.observed.end(), is_of_lower_oid);
}

} // namespace

Batch Batch::without_members(const SkippedMembers &why)
{
    Batch skipped_batch;
    skipped_batch.skipped = why;
    return skipped_batch;
}

const mailbox::SourceCounters &Batch::seen(Oid relid) const
{
    auto found = std::lower_bound(observed.begin(), observed.end(), relid,
                                  [](const ObservedSource &source, Oid wanted) { return source.relid < wanted; });
    return found->seen;
}

/* An upstream that is current here is not older than a snapshot taken later. */
void find_excluded_upstreams(Batch &batch)
{
    std::set<Oid> members, excluded;
    batch.excluded.clear();
    for (const Member &member : batch.members)
        members.insert(member.compiled->relid());
    for (const Member &member : batch.members)
        for (const CompiledSource &source : member.compiled->sources)
            if (source.is_stream_table && members.count(source.relid) == 0)
                excluded.insert(source.relid);
    for (Oid relid : excluded)
        batch.exclude(relid);
}

void Batch::exclude(Oid relid)
{
    mailbox::MailboxStatus known = mailbox::status_of(relid);
    state::StateRow row;
    if (known.is_current())
        excluded.push_back({relid, DT_NOEND});
    else if (known.stale_since() != DT_NOBEGIN)
        excluded.push_back({relid, known.stale_since()});
    else
        excluded.push_back({relid, state::read(relid, &row) ? row.data_timestamp : DT_NOBEGIN});
}

TimestampTz Batch::as_of(Oid relid) const
{
    for (const ExcludedUpstream &one : excluded)
        if (one.relid == relid)
            return one.as_of;
    for (const Member &member : members)
        if (member.compiled->relid() == relid && member.outcome.data_timestamp != 0)
            return member.outcome.data_timestamp;
    return DT_NOEND;
}

void await_watched_trees(const Batch &batch)
{
    for (const WatchedTree &watched : batch.watched_trees)
        call([&] { capture::await_added_relations(watched.source); });
}

void require_watched_trees(const Batch &batch)
{
    for (const WatchedTree &watched : batch.watched_trees)
        if (!call([&] { return equal(capture::tree_of(watched.source, NoLock), watched.tree); }))
            raise({.sqlstate = ERRCODE_T_R_SERIALIZATION_FAILURE,
                   .message = "a partition or child of \"" +
                              std::string(call([&] { return definition::qualified_name(watched.source); })) +
                              "\" was added or removed while a stream table was being refreshed",
                   .hint = "Try again.",
                   .is_public = true});
}

void unlock_trees(const Batch &batch)
{
    for (Oid source : batch.locked_trees)
        call([=] { capture::unlock_inheritance_tree(source); });
}

namespace {

/* Releases the locks that exclude other refreshes, since the transaction may stay open. */
Batch without_members_for(const Batch &batch, Oid locked, const LOCKTAG &lock)
{
    std::vector<Oid> relids;
    for (const Member &member : batch.members)
        relids.push_back(member.compiled->relid());
    unlock_trees(batch);
    unlock_objects(relids);
    return Batch::without_members({.locked = locked, .lock = lock});
}

LOCKTAG lock_of_transaction(TransactionId xid)
{
    LOCKTAG lock;
    SET_LOCKTAG_TRANSACTION(lock, xid);
    return lock;
}

} // namespace

void keep_logs_of_new_contents(const Batch &batch)
{
    for (const Member &member : batch.members)
        if (member.outcome.is_fill || member.outcome.action == Action::reinitialize)
            for (const CompiledSource &source : member.compiled->sources)
                call([&] { capture::lock_logs(source.relid); });
}

Batch lock_batch(const BatchRequest &request, capture::ReadLocks &logs)
{
    /* The members are compiled with roles as of now, or later ones. */
    const mailbox::SourceCounters roles = mailbox::observe(mailbox::roles);
    call([] { AcceptInvalidationMessages(); });
    Batch batch = collect_members(request);
    if (batch.members.empty())
        return batch;
    const uint64 invalidations = SharedInvalidMessageCounter;
    read_states(batch);
    /* The refresh would have to wait at its end for the transaction that has written the state row. */
    for (const Member &member : batch.members)
        if (request.wait == LockWait::skip_if_locked && TransactionIdIsValid(member.state.written_by))
            return without_members_for(batch, member.compiled->relid(), lock_of_transaction(member.state.written_by));
    /* The requester does not know yet that the stream table is suspended: it is reported like a locked one,
     * with all that depends on it. */
    for (const Member &member : batch.members)
        if (request.reach == Reach::named && member.state.status == state::Status::suspended)
            return Batch::without_members({.locked = member.compiled->relid()});
    exclude_suspended(batch, request);
    lock_what_is_read(batch.members, logs);
    call([] { AcceptInvalidationMessages(); });
    if (SharedInvalidMessageCounter != invalidations)
        read_states(batch); /* again, with the marks for logs that were emptied before these were locked */
    for (Member &member : batch.members)
        as_part_of(member.compiled->relid(), Action::skip, [&] { prepare(member, request); });
    for (const Member &member : batch.members)
        lock_uncaptured_trees(member);
    if (const Oid source = lock_trees(batch, request); OidIsValid(source))
        return without_members_for(batch, first_dependent(batch.members, source),
                                   call([=] { return capture::lock_of_tree(source); }));
    observe_sources(batch, roles);
    find_excluded_upstreams(batch);
    return batch;
}

} // namespace pgtrickle::refresh
