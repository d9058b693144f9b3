#include "refresh/group.hpp"

#include "capture/capture.hpp"
#include "refresh/diamond.hpp"
#include "refresh/left_out.hpp"
#include "refresh/refresh_groups.hpp"

extern "C" {
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/snapmgr.h"
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

/* Whom a walk down takes along. */
struct Collected {
    Reach reach;
    std::set<Oid> named;
    std::map<Oid, Member> found;
    std::vector<Oid> path; /* that the walk is on: each reads the next */

    bool takes(Oid upstream) const
    {
        return reach == Reach::all_below || named.count(upstream) != 0 || !has_been_filled(upstream);
    }
};

/* A view that was replaced where nobody saw it may have closed a circle. */
void check_for_cycle(Oid relid, const std::vector<Oid> &path)
{
    auto first = std::find(path.begin(), path.end(), relid);
    if (first == path.end())
        return;
    std::vector<Oid> circle(first, path.end());
    circle.push_back(relid);
    definition::raise_cycle(circle);
}

/* Locks the definitions of `relid` and its upstreams, and gives each its level. */
int collect(Oid relid, Collected &collected)
{
    check_for_cycle(relid, collected.path);
    std::map<Oid, Member> &found = collected.found;
    if (auto known = found.find(relid); known != found.end())
        return known->second.level;
    call([=] { LockRelationOid(relid, RowExclusiveLock); });
    if (!call([=] { return definition::is_stream_table(relid); }))
        raise({.sqlstate = ERRCODE_UNDEFINED_TABLE,
               .message = "stream table not found: it was dropped meanwhile",
               .detail = "Its OID was " + std::to_string(relid) + "."});
    Member member{};
    member.outcome.relid = relid;
    collected.path.push_back(relid);
    as_part_of(relid, Action::no_data, [&] {
        member.compiled = &compiled_of(relid);
        for (const CompiledSource &source : member.compiled->sources)
            if (source.is_stream_table && collected.takes(source.relid))
                member.level = std::max(member.level, 1 + collect(source.relid, collected));
    });
    collected.path.pop_back();
    return found.emplace(relid, std::move(member)).first->second.level;
}

bool lock_object(Oid relid, LockWait wait)
{
    return call([=] {
        LOCKTAG tag;
        SET_LOCKTAG_OBJECT(tag, MyDatabaseId, state::state_table(), relid, 0);
        return LockAcquire(&tag, ExclusiveLock, false, wait == LockWait::skip_if_locked) != LOCKACQUIRE_NOT_AVAIL;
    });
}

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

Oid first_reader(const std::vector<Member> &members, Oid source)
{
    for (const Member &member : members)
        for (const CompiledSource &read : member.compiled->sources)
            if (read.relid == source)
                return member.compiled->relid();
    return InvalidOid;
}

void lock_source(Oid source)
{
    call([=] {
        LockRelationOid(source, AccessShareLock);
        capture::lock_logs(source);
        capture::require_no_open_statement(source);
    });
}

/* Whose part that is, and what it is about, is what the history tells of a refresh that waited in vain. */
void lock_source_of(Oid member, Oid source)
{
    as_part_of(member, Action::no_data, [&] {
        try {
            lock_source(source);
        } catch (const PgError &error) {
            if (error.data->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE)
                throw;
            raise({.sqlstate = ERRCODE_LOCK_NOT_AVAILABLE,
                   .message = "could not lock source " + std::string(call([&] { return definition::qualified_name(source); })) +
                              " in time",
                   .detail = "Another transaction holds a lock on it, or on its change log.",
                   .hint = "pgtrickle.blocked_refreshes() tells whose."});
        }
    });
}

/* Changes may have been lost while triggers were missing or off: capture is put right, from
 * here on, and the content starts over. A restored stream table that was never filled has no
 * capture yet, a log of an upstream stream table included. */
void restore_capture(Member &member)
{
    bool is_populated = member.state.is_populated;
    for (const CompiledSource &source : member.compiled->sources) {
        const char *damage = call([&] {
            const char *reason = is_populated ? capture::damage_of(source.relid) : nullptr;
            if (is_populated && reason == nullptr)
                return reason;
            /* Rows with long values are not written without one. It is not the refresh's, which comes after the locks. */
            PushActiveSnapshot(GetLatestSnapshot());
            capture::ensure_captured(source.relid, source.columns.data(), static_cast<int>(source.columns.size()));
            PopActiveSnapshot();
            return reason;
        });
        if (damage != nullptr)
            member.reinitialize_reason = std::string("of a source: ") + damage;
    }
}

/* The owner's privileges first: a definition comes from where it will, from a dump for one, and
 * until they are known nothing is done to a source. What was compiled before its sources were
 * locked may have been altered since; what it reads stays, because the foreign table is locked. */
void lock_sources(std::vector<Member> &members)
{
    for (Member &member : members)
        as_part_of(member.compiled->relid(), Action::no_data, [&] { check_privileges(*member.compiled); });
    for (Oid source : sources_of(members))
        lock_source_of(first_reader(members, source), source);
    for (Member &member : members)
        as_part_of(member.compiled->relid(), Action::no_data, [&] {
            member.compiled = &compiled_of(member.compiled->relid());
            restore_capture(member);
        });
    for (Oid source : sources_of(members))
        call([=] { capture::keep_tree(source); });
}

void observe(Group &group)
{
    std::vector<Oid> relids = sources_of(group.members);
    for (const Member &member : group.members)
        relids.push_back(member.compiled->relid());
    std::sort(relids.begin(), relids.end());
    relids.erase(std::unique(relids.begin(), relids.end()), relids.end());
    for (Oid relid : relids)
        group.observed.push_back({relid, mailbox::observe(relid)});
}

/* With those that are named, and all that is below them, whoever is bound to any of these or is in a refresh group with
 * it. */
void collect_all_below(const Asking &asking, Collected &collected, Group &group)
{
    Diamonds diamonds;
    std::vector<Oid> open = asking.members;
    auto open_unless_found = [&](const std::vector<Oid> &relids) {
        for (Oid relid : relids)
            if (collected.found.count(relid) == 0)
                open.push_back(relid);
    };
    while (!open.empty()) {
        for (Oid relid : open)
            collect(relid, collected);
        open.clear();
        std::vector<Oid> all;
        for (const auto &[relid, member] : collected.found) {
            all.push_back(relid);
            diamonds.look_around(relid);
        }
        open_unless_found(with_mates(all));
        for (Oid relid : all)
            open_unless_found(diamonds.bound_to(relid));
    }
    group.bonds = diamonds.bonds();
}

} // namespace

const mailbox::Seen &Group::seen(Oid relid) const
{
    auto found = std::lower_bound(observed.begin(), observed.end(), relid,
                                  [](const ObservedSource &source, Oid wanted) { return source.relid < wanted; });
    return found->seen;
}

/* What is called current here is not older than a snapshot taken later. */
void look_at_left_out(Group &group)
{
    std::set<Oid> members, left_out;
    group.left_out.clear();
    for (const Member &member : group.members)
        members.insert(member.compiled->relid());
    for (const Member &member : group.members)
        for (const CompiledSource &source : member.compiled->sources)
            if (source.is_stream_table && members.count(source.relid) == 0)
                left_out.insert(source.relid);
    for (Oid relid : left_out)
        group.leave_out(relid);
}

void Group::leave_out(Oid relid)
{
    mailbox::Look look = mailbox::look(relid);
    state::StateRow row;
    if (look.is_current())
        left_out.push_back({relid, DT_NOEND});
    else if (look.stale_since() != DT_NOBEGIN)
        left_out.push_back({relid, look.stale_since()});
    else
        left_out.push_back({relid, state::read(relid, &row) ? row.data_timestamp : DT_NOBEGIN});
}

TimestampTz Group::as_of(Oid relid) const
{
    for (const LeftOut &one : left_out)
        if (one.relid == relid)
            return one.as_of;
    for (const Member &member : members)
        if (member.compiled->relid() == relid && member.outcome.data_timestamp != 0)
            return member.outcome.data_timestamp;
    return DT_NOEND;
}

Group lock_group(const Asking &asking)
{
    Collected collected = {asking.reach, {asking.members.begin(), asking.members.end()}, {}, {}};
    Group group;
    group.bonds = asking.bonds;
    if (asking.reach == Reach::all_below)
        collect_all_below(asking, collected, group);
    for (Oid relid : asking.members)
        collect(relid, collected);
    for (auto &[relid, member] : collected.found)
        group.members.push_back(std::move(member));
    std::stable_sort(group.members.begin(), group.members.end(),
                     [](const Member &a, const Member &b) { return a.level < b.level; });
    for (const Member &member : group.members)
        if (!lock_object(member.compiled->relid(), asking.wait)) {
            Group nobody;
            nobody.locked = member.compiled->relid();
            return nobody;
        }
    for (Member &member : group.members)
        if (!state::read(member.compiled->relid(), &member.state))
            raise({.message = "stream table \"" + member.compiled->definition.name + "\" has no state"});
    /* Whoever named it has not heard yet that it is suspended: to him it is as good as locked, with all that hangs on it. */
    for (const Member &member : group.members)
        if (asking.reach == Reach::named && member.state.status == state::name_of(state::Status::suspended)) {
            Group nobody;
            nobody.locked = member.compiled->relid();
            return nobody;
        }
    leave_out_suspended(group, asking);
    lock_sources(group.members);
    observe(group);
    look_at_left_out(group);
    return group;
}

} // namespace pgtrickle::refresh
