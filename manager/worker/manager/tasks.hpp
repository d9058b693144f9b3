/*
 * The tasks of a manager: when each stream table must be refreshed, and which tasks must be checked.
 *
 * Owns the queue, the listener for changes of sources, and the flags of tasks: inactive, released, troubled,
 * locked. All objects of the manager move tasks through it. A task is idle, queued, suspended or running (in
 * a job); a running task is checked again when its job ends, whatever has happened meanwhile. Among the idle
 * tasks only those are checked that have become idle, or whose sources have changed.
 *
 * A stream table of mode IMMEDIATE whose sources have changed, and that is clean, has been refreshed by a commit. Its
 * task is checked again after a moment before the listener listens for it, as each writer would wake the manager up.
 *
 * Invariants: there is a task for each stream table that Definitions knows. An idle task is to be checked, now
 * or later, or the listener listens for it and it was clean after that began. C++ frames; runs no SQL.
 */
#pragma once

#include "mailbox/mailbox.hpp"
#include "scheduler/queue.hpp"
#include "worker/manager/change_listener.hpp"
#include "worker/manager/definitions.hpp"

#include <map>
#include <optional>
#include <set>

namespace pgtrickle::worker {

/* The longest pause between two refreshes of a stream table that is refreshed on change. */
TimestampTz spacing_us();

class Tasks {
  public:
    explicit Tasks(const Definitions &definitions) : definitions_(definitions) {}
    Tasks(const Tasks &) = delete;
    Tasks &operator=(const Tasks &) = delete;

    /* Follows the changes that Definitions has read, and updates the mailbox. A new task is checked in this
     * cycle. */
    void apply(const DefinitionChanges &changes);
    /* Publishes effective schedules for which the mailbox had no room when they changed, or that it has lost. */
    void publish_missing_schedules();

    scheduler::Task *find(scheduler::Id id) { return queue_.find(id); }
    bool all_idle() const { return queue_.all_idle(); }
    scheduler::Ids due(TimestampTz now) const { return queue_.due(now); }
    std::optional<TimestampTz> first_due_after(TimestampTz now) const { return queue_.first_due_after(now); }

    /* ---- moving tasks ---- */
    void make_idle(scheduler::Task &task);
    void queue(scheduler::Task &task, TimestampTz due_at) { queue_.queue(task, due_at); }
    void suspend(scheduler::Task &task) { queue_.suspend(task); }
    void start(scheduler::Id id) { queue_.start(*queue_.find(id)); }

    /* ---- checking idle tasks ---- */
    /* Returns true if the clock was set back. */
    bool notice_time(TimestampTz now) { return queue_.notice_time(now); }
    void check_later(scheduler::Id id) { to_check_.push_back(id); }
    void check_all_idle() { to_check_ = queue_.idle(); }
    /* Called when the time zone or a setting on which due times depend may have changed. */
    void check_all_queued();
    /* Adds the stream tables whose sources have changed to to_check(); false if there are none. */
    bool take_changes();
    const scheduler::Ids &to_check() const { return to_check_; }
    /* Queues the tasks of to_check() that are due at some time, and listens for the others. */
    void check(TimestampTz now);
    /* Whether check() has queued a task for changes that make it due already. */
    bool has_found_due() const { return has_found_due_; }
    /* Time at which tasks are to be checked again; nothing if there are none. */
    std::optional<TimestampTz> next_at() const;
    /* Time at which a task with changes since `since` is due; nothing if it is not due at any time. */
    std::optional<TimestampTz> due_of(const scheduler::Task &task, TimestampTz since, TimestampTz now,
                                      const scheduler::Zone &zone) const;
    void listen(scheduler::Id id) { listener_.listen(id); }
    /* Slots of sources that were written to since the last call. */
    std::vector<uint32_t> take_written() { return listener_.take_written(); }

    /* Since when the stream table lacks changes that a refresh can apply, as mailbox::dirty_since(). Changes
     * that have not passed an inactive upstream do not count: because of them it would be refreshed over and
     * over. */
    TimestampTz pending_since(scheduler::Id id) const;
    /* Like pending_since(), but ignores changes that only upstreams with own schedules have not applied:
     * covers what its refresh applies when it is due. */
    TimestampTz own_pending_since(scheduler::Id id) const;

    /* ---- flags ---- */
    /* Held or suspended, ascending. */
    const scheduler::Ids &inactive() const { return inactive_; }
    void set_inactive(scheduler::Ids ids) { inactive_ = std::move(ids); }
    /* It must be refreshed even without changes. */
    bool is_released(scheduler::Id id) const { return released_.count(id) != 0; }
    void set_released(scheduler::Id id, std::set<scheduler::Id> upstreams);
    void set_not_released(scheduler::Id id) { released_.erase(id); }
    bool has_released() const { return !released_.empty(); }
    /* The upstreams with which the released ones among `ids` must be refreshed. */
    std::set<scheduler::Id> needed_by_released(const scheduler::Ids &ids) const;
    /* Marks a task that is suspended or whose last refresh failed. Must be called when either has changed. */
    void record_trouble(const scheduler::Task &task);
    bool has_trouble() const { return !troubled_.empty(); }
    /* A lock that its last attempt needed was held by another transaction. */
    void set_locked(scheduler::Id id, bool is_locked);
    bool is_locked(scheduler::Id id) const { return locked_.count(id) != 0; }
    bool has_locked() const { return !locked_.empty(); }

  private:
    void set(scheduler::Id relid, const StoredState &state);
    void set_effective_schedule(scheduler::Id relid);
    void publish_schedule(scheduler::Id relid);
    void forget(scheduler::Id relid);
    TimestampTz own_pending_since(scheduler::Id id, const mailbox::MailboxStatus &known) const;
    bool queue_if_due(scheduler::Task &task, TimestampTz now, const scheduler::Zone &zone);
    void check_again_later(scheduler::Id id, TimestampTz now);
    void check_again_if_due(TimestampTz now);

    const Definitions &definitions_;
    scheduler::Queue queue_;
    ChangeListener listener_;
    scheduler::Ids to_check_;         /* tasks that have become idle, or whose sources have changed */
    std::set<scheduler::Id> changed_; /* among these: the sources have changed */
    std::set<scheduler::Id> to_check_again_;
    TimestampTz to_check_again_since_ = 0;
    bool has_found_due_ = false;
    std::map<scheduler::Id, scheduler::EffectiveSchedule> schedules_; /* as tasks and mailbox have them */
    scheduler::Ids inactive_;
    std::map<scheduler::Id, std::set<scheduler::Id>> released_; /* with the upstreams that must be refreshed, too */
    std::set<scheduler::Id> troubled_, locked_;
};

} // namespace pgtrickle::worker
