/*
 * What this transaction changed and refreshed, and when the backend records it in the mailbox.
 *
 *   PRE_COMMIT, PRE_PREPARE   started++ of each source changed
 *   COMMIT, ABORT, PREPARE    finished++ of each source that was started
 *   COMMIT                    then the refreshes of this transaction, states, notifications of
 *                             the manager, start requests
 *   release of locks          finished++ of the roles that a commit has changed, notifications of managers; grants
 *
 * Sources are read with a snapshot, but roles and privileges through PostgreSQL's caches, which are up to date only
 * once they have got the invalidations of the commit. These are sent after the COMMIT callbacks, and before locks are
 * released.
 *
 * The object lock of a refreshed stream table is held until after the COMMIT callbacks, so that two refreshes
 * of one stream table reach the mailbox in the order of their commits.
 *
 * Own changes: a refresh reads what its own transaction wrote before it, and this transaction increments the
 * counters only at its end. A change noted before record_refresh() is therefore applied, and one noted after
 * it is not: this transaction's increment is added to what the refresh saw in the first case only. It is not
 * added either if increments of other transactions came in between: theirs are the first that the refresh did
 * not see, and dirty_since is their time.
 */
#include "mailbox/hooks.hpp"
#include "mailbox/manager_side.hpp"
#include "mailbox/shared.hpp"

extern "C" {
#include "access/xact.h"
#include "replication/logicalworker.h"
}

#include <algorithm>
#include <utility>
#include <vector>

namespace pgtrickle::mailbox {

namespace {

struct Changed {
    uint32_t slot;
    bool is_started;
    uint64_t count;     /* number of this change among all changes of the slot */
    uint64_t last_note; /* sequence number of the last note_change() of it */
};

enum class Kind : uint8_t { refreshed, state, forget };

struct Pending {
    Kind kind;
    Oid relid;
    SubTransactionId subtransaction;
    State state;
    uint64_t sequence; /* of the last note before the refresh was recorded */
    std::vector<SettledReading> readings;
    Nature nature = {};
    uint64_t walk = 0; /* of own_effects(), the last that has come here */
};

constexpr int max_changed = 128; /* sources; beyond it the whole database counts as changed */

struct Local {
    Changed changed[max_changed + 2]; /* also the database, and the roles */
    int changed_count = 0;
    bool is_starting = false; /* PRE_COMMIT has run: further notes are started at once */
    uint64_t sequence = 0;
    std::vector<Pending> pending;
    bool is_pending_lost = false; /* out of memory */
    bool has_definition_change = false;
    bool has_definition_attempt = false;
    bool has_settings_change = false;
    bool has_database_change = false;
    bool has_grant = false;
    bool has_committed_roles = false; /* finished++ of them is left */
    bool has_committed_grant = false; /* to be announced */
};

Local &local() noexcept
{
    static Local instance;
    return instance;
}

Changed *find_changed(uint32_t slot) noexcept
{
    Local &mine = local();
    for (int i = mine.changed_count - 1; i >= 0; i--) {
        if (mine.changed[i].slot == slot)
            return &mine.changed[i];
    }
    return nullptr;
}

void note_slot(uint32_t slot) noexcept
{
    Local &mine = local();
    mine.sequence++;
    Changed *changed = find_changed(slot);
    if (changed == nullptr && mine.changed_count >= max_changed && slot != roles_slot()) {
        slot = database_slot();
        changed = find_changed(slot);
    }
    if (changed == nullptr) {
        changed = &mine.changed[mine.changed_count++];
        *changed = {slot, false, 0, 0};
        if (mine.is_starting) {
            changed->count = start(slot, 0);
            changed->is_started = true;
        }
    }
    changed->last_note = mine.sequence;
}

/* Commit time of the oldest base change that may reach dependents by this transaction's changes of `slot`: if
 * the slot is of a stream table that this transaction refreshed, since when it was stale, which is still that of
 * before the refresh; 0: now. */
TimestampTz age_of_changes(uint32_t slot) noexcept
{
    for (const Pending &pending : local().pending) {
        if (pending.kind != Kind::refreshed || slot_of(MyDatabaseId, pending.relid) != slot)
            continue;
        TimestampTz since = status_of(pending.relid).stale_since();
        if (since != 0)
            return since;
    }
    return 0;
}

/* The worker of a subscription commits a transaction that was prepared on another server without a command,
 * in a transaction of its own that writes nothing. The sources of the prepared transaction are not known, and
 * its changes are visible already: a reader may see the stream table as dirty some microseconds late. */
bool may_have_committed_prepared() noexcept
{
    return IsLogicalWorker() && !TransactionIdIsValid(GetTopTransactionIdIfAny());
}

void start_all() noexcept
{
    Local &mine = local();
    if (may_have_committed_prepared())
        note_slot(database_slot());
    mine.is_starting = true;
    for (int i = 0; i < mine.changed_count; i++) {
        Changed &changed = mine.changed[i];
        if (changed.is_started)
            continue;
        changed.count = start(changed.slot, age_of_changes(changed.slot));
        changed.is_started = true;
    }
}

void finish_all(bool is_commit) noexcept
{
    Local &mine = local();
    for (int i = 0; i < mine.changed_count; i++) {
        if (!mine.changed[i].is_started)
            continue;
        if (is_commit && mine.changed[i].slot == roles_slot())
            mine.has_committed_roles = true;
        else
            finish(mine.changed[i].slot);
    }
}

/* Wakes the manager for what was started, also if it is not committed, for the dependents are dirty since. That of
 * roles follows in at_release_of_locks() once they are committed. */
void notify_changes() noexcept
{
    Local &mine = local();
    for (int i = 0; i < mine.changed_count; i++)
        if (mine.changed[i].is_started && !(mine.changed[i].slot == roles_slot() && mine.has_committed_roles))
            notify_change(mine.changed[i].slot);
}

void add_own_changes(Pending &pending) noexcept
{
    for (SettledReading &reading : pending.readings) {
        Changed *changed = find_changed(reading.slot);
        if (changed == nullptr || changed->last_note > pending.sequence || changed->count != reading.seen + 1)
            continue;
        reading.seen++;
        source_slots[reading.slot].wants_change_time.store(1);
    }
}

void apply_pending() noexcept
{
    Local &mine = local();
    if (mine.is_pending_lost) {
        forget_database(MyDatabaseId);
        notify_full_check();
        return;
    }
    for (Pending &pending : mine.pending) {
        switch (pending.kind) {
        case Kind::refreshed:
            add_own_changes(pending);
            apply_refresh(pending.relid, pending.readings.data(), static_cast<int>(pending.readings.size()),
                          pending.nature);
            break;
        case Kind::state: apply_state(pending.relid, pending.state, false); break;
        case Kind::forget: apply_forget(pending.relid); break;
        }
    }
}

void reset() noexcept
{
    Local &mine = local();
    mine.changed_count = 0;
    mine.is_starting = false;
    mine.pending.clear();
    mine.is_pending_lost = false;
    mine.has_definition_change = false;
    mine.has_definition_attempt = false;
    mine.has_settings_change = false;
    mine.has_database_change = false;
    mine.has_grant = false;
    finish_commit_prepared();
    remove_blocks();
    drop_request_at_end();
}

void commit() noexcept
{
    Local &mine = local();
    finish_all(true);
    apply_pending();
    mine.has_committed_grant = mine.has_grant;
    notify_changes();
    if (mine.has_definition_change)
        announce_definition_change();
    if (mine.has_settings_change)
        announce_settings_change();
    if (mine.has_database_change)
        doubt_registry();
    reset();
}

void add_pending(Pending &&pending) noexcept
{
    try {
        local().pending.push_back(std::move(pending));
    } catch (...) {
        local().is_pending_lost = true;
    }
}

SettledReading settled(Oid source, bool is_stream_table, const SourceCounters &seen) noexcept
{
    return {slot_of(MyDatabaseId, source), is_stream_table ? source : InvalidOid, seen.started,
            seen.observed_at != 0 && seen.started == seen.finished, seen.observed_at};
}

/* The records of this transaction about a stream table: its last refresh, or null, and whether there is any. */
struct OwnPending {
    Pending *refreshed = nullptr;
    bool holds_it = false;
};

OwnPending pending_of(Oid relid) noexcept
{
    OwnPending own;
    for (Pending &pending : local().pending) {
        if (pending.relid != relid)
            continue;
        own.holds_it = true;
        if (pending.kind == Kind::refreshed)
            own.refreshed = &pending;
    }
    return own;
}

/* Whether it reads, by its last committed refresh, what this transaction has changed. */
bool reads_changed(Oid relid) noexcept
{
    return has_reading(relid, [](uint32_t slot) noexcept { return find_changed(slot) != nullptr; });
}

/* Adds what this transaction has done to a stream table that it has refreshed, and to what that reads: each refresh
 * once in a walk, though many paths may lead to it. */
void add_effects(Pending &refreshed, uint64_t walk, OwnEffects &all) noexcept
{
    if (std::exchange(refreshed.walk, walk) == walk)
        return;
    all.is_current &= !refreshed.nature.is_time_dependent;
    for (const SettledReading &reading : refreshed.readings) {
        const Changed *changed = find_changed(reading.slot);
        all.has_changes |= changed != nullptr && changed->last_note > refreshed.sequence;
        all.is_current &= reading.is_settled && source_slots[reading.slot].started.load() == reading.seen;
        if (reading.stream_table == InvalidOid)
            continue;
        const OwnPending upstream = pending_of(reading.stream_table);
        if (upstream.refreshed != nullptr) {
            add_effects(*upstream.refreshed, walk, all);
            continue;
        }
        all.has_changes |= reads_changed(reading.stream_table);
        all.is_current &= !upstream.holds_it && is_current(reading.stream_table);
    }
}

} // namespace

void at_release_of_locks()
{
    if (std::exchange(local().has_committed_grant, false))
        apply_grant();
    if (!std::exchange(local().has_committed_roles, false))
        return;
    finish(roles_slot());
    notify_change(roles_slot());
}

void at_transaction_event(XactEvent event)
{
    if (!is_available())
        return;
    switch (event) {
    case XACT_EVENT_PRE_COMMIT:
    case XACT_EVENT_PRE_PREPARE: start_all(); break;
    case XACT_EVENT_COMMIT: commit(); break;
    case XACT_EVENT_ABORT:
        if (local().has_definition_attempt)
            announce_definition_change();
        [[fallthrough]];
    case XACT_EVENT_PREPARE:
        finish_all(false);
        notify_changes();
        reset();
        break;
    default: break;
    }
}

void at_subtransaction_event(SubXactEvent event, SubTransactionId mine_id, SubTransactionId parent_id)
{
    auto &pending = local().pending;
    if (event == SUBXACT_EVENT_ABORT_SUB) {
        std::erase_if(pending, [&](const Pending &item) { return item.subtransaction == mine_id; });
        remove_blocks_of(mine_id);
    } else if (event == SUBXACT_EVENT_COMMIT_SUB) {
        for (Pending &item : pending) {
            if (item.subtransaction == mine_id)
                item.subtransaction = parent_id;
        }
        move_blocks_to_parent(mine_id, parent_id);
    }
}

void note_change(Oid source) noexcept
{
    if (is_available())
        note_slot(slot_of(MyDatabaseId, source));
}

void record_refresh(Oid relid, const SourceCounters &own, const Reading *readings, int count, Nature nature) noexcept
{
    if (!is_available())
        return;
    try {
        Pending pending = {Kind::refreshed, relid, GetCurrentSubTransactionId(), {}, local().sequence, {}, nature};
        pending.readings.reserve(count + 2);
        pending.readings.push_back(settled(relid, false, own));
        pending.readings.push_back({database_slot(), InvalidOid, own.database_started,
                                    own.observed_at != 0 && own.database_started == own.database_finished,
                                    own.observed_at});
        for (int i = 0; i < count; i++)
            pending.readings.push_back(settled(readings[i].source, readings[i].is_stream_table, readings[i].seen));
        add_pending(std::move(pending));
    } catch (...) {
        local().is_pending_lost = true;
    }
}

void record_take_over(Oid relid, Oid successor) noexcept
{
    if (!is_available())
        return;
    try {
        const std::vector<Pending> &all = local().pending;
        auto found = std::find_if(all.rbegin(), all.rend(), [=](const Pending &pending) {
            return pending.kind == Kind::refreshed && pending.relid == successor;
        });
        if (found == all.rend())
            return forget(relid);
        Pending pending = *found;
        pending.relid = relid;
        pending.subtransaction = GetCurrentSubTransactionId();
        pending.readings.front() = settled(relid, false, observe(relid));
        pending.readings.front().observed_at = found->readings.front().observed_at;
        add_pending(std::move(pending));
    } catch (...) {
        local().is_pending_lost = true;
    }
}

void note_state(Oid relid, const State &state) noexcept
{
    if (is_available())
        add_pending({Kind::state, relid, GetCurrentSubTransactionId(), state, 0, {}, {}});
}

void note_grant() noexcept
{
    if (is_available())
        local().has_grant = true;
}

void forget(Oid relid) noexcept
{
    if (is_available())
        add_pending({Kind::forget, relid, GetCurrentSubTransactionId(), {}, 0, {}, {}});
}

void note_definition_change() noexcept
{
    if (is_available())
        local().has_definition_change = true;
}

void note_definition_attempt() noexcept
{
    note_definition_change();
    if (is_available())
        local().has_definition_attempt = true;
}

void note_settings_change() noexcept
{
    local().has_settings_change = true;
}

void note_database_change() noexcept
{
    local().has_database_change = true;
}

bool has_definition_change() noexcept
{
    return local().has_definition_change;
}

/* ---- what is visible to this transaction only ---- */

bool has_changed_any() noexcept
{
    return local().changed_count > 0;
}

bool has_changed_roles() noexcept
{
    return find_changed(roles_slot()) != nullptr;
}

bool holds_any() noexcept
{
    return !local().pending.empty() || local().is_pending_lost;
}

OwnEffects own_effects(Oid relid) noexcept
{
    static uint64_t walks = 0;
    Local &mine = local();
    OwnEffects effects;
    if (mine.changed_count == 0 && mine.pending.empty() && !mine.is_pending_lost)
        return effects;
    const OwnPending own = pending_of(relid);
    effects.holds_it = own.holds_it;
    if (own.refreshed == nullptr) {
        effects.has_changes = reads_changed(relid);
        return effects;
    }
    effects.is_current = !mine.is_pending_lost;
    add_effects(*own.refreshed, ++walks, effects);
    effects.is_current &= !effects.has_changes;
    return effects;
}

} // namespace pgtrickle::mailbox
