/*
 * The known graph: what a manager has read of the definitions of its database's stream tables.
 *
 * Owns a record for each stream table, the graph of what they read, their effective schedules and atomic sets, and their
 * refresh groups; and knows when definitions have to be read again. The loop calls read() when it is due; all other objects of the
 * manager look things up here.
 *
 * Invariants: the graph has a node for each record and no others. The effective schedules are of that graph. A reference to
 * a record is good until the next read(). C++ frames; read() is to be called outside of transactions.
 */
#pragma once

#include "pg/boundary.hpp"
#include "scheduler/graph/effective_schedule.hpp"
#include "scheduler/share.hpp"
#include "worker/transaction.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace pgtrickle::worker {

/* What is known of a stream table. */
struct Known {
    std::string schema_name;
    std::string name;
    std::string schedule_text;
    std::string status;
    scheduler::Schedule schedule;
    int64_t generation = 0;
    int refresh_timeout_ms = 0;
    scheduler::Id owner = 0;
    bool is_diamond_atomic = true;
    bool is_diamond_slowest = false;
    bool is_program_written = false; /* to the catalog, of this generation */
    bool is_time_dependent = false; /* another answer without a change: volatile functions, now() */
    bool has_overrun = false; /* as in a job */
    bool goes_alone = false;
    bool is_frozen = false;          /* its tier */
    bool is_suspended = false;
};

/* What pgt_state says of a stream table, as far as its task depends on it. */
struct StoredState {
    bool is_populated = false;
    bool is_suspended = false;
    bool has_changed = false; /* it was suspended or resumed, or its definition was read */
    int failures = 0;
    TimestampTz data_timestamp = 0; /* 0: unpopulated */
    std::string status;
};

/* What has come of reading the definitions. */
struct DefinitionChanges {
    std::map<scheduler::Id, StoredState> states; /* of all stream tables, but those that nothing is known of yet */
    scheduler::Ids gone;
    std::set<scheduler::Id> read;                /* whose definitions were read */
    std::set<scheduler::Id> below_changed;       /* those, and all that are downstream of a change of the graph */
    bool has_other_time_zone = false;
    bool is_empty = false;               /* there is no stream table, or no extension */
    bool is_nothing_to_manage = false;   /* nor a captured source */
};

struct LoadedDefinition;

class Definitions {
  public:
    Definitions() = default;
    Definitions(const Definitions &) = delete;
    Definitions &operator=(const Definitions &) = delete;

    /* Reads what has changed. `also` runs in the transaction that lists the stream tables, if the extension is there.
     * Nothing: that failed, and is tried again later. */
    std::optional<DefinitionChanges> read(const std::function<void()> &also);
    /* In a transaction. */
    void read_refresh_groups();

    /* ---- when ---- */
    bool is_due() const;
    bool is_current() const { return is_loaded_; }
    void read_again() { is_loaded_ = false; }
    void read_again_at(TimestampTz at);
    std::optional<TimestampTz> next_at() const;
    void forget_pauses(TimestampTz now) { load_after_ = std::min(load_after_, now); }
    /* The count of definition changes that the mailbox had when they were read. */
    uint32_t changes_seen() const { return changes_seen_; }

    /* ---- what is known ---- */
    const std::map<scheduler::Id, Known> &all() const { return known_; }
    Known *find(scheduler::Id id);
    const Known *find(scheduler::Id id) const;
    Known &at(scheduler::Id id) { return known_.at(id); }
    const Known &at(scheduler::Id id) const { return known_.at(id); }
    const scheduler::Graph &graph() const { return graph_; }
    const scheduler::EffectiveSchedule &effective_schedule(scheduler::Id id) const { return effective_schedules_.of(id); }
    const scheduler::AtomicSets &atomic_sets() const { return effective_schedules_.atomic_sets(); }

    bool has_several_owners() const { return has_several_owners_; }
    scheduler::Id owner_of(scheduler::Id id) const; /* 0: unknown */
    scheduler::Ids owners_of(const scheduler::Ids &members) const;
    /* Its refresh group, itself included, ascending; null: it is in none. */
    const scheduler::Ids *refresh_group_of(scheduler::Id id) const;
    scheduler::Party party_of(scheduler::Id id) const;

  private:
    void leave_if_settings_changed();
    void record_failed_read(const Failure &failure);
    void read_again_later();
    void apply(std::map<scheduler::Id, LoadedDefinition> &loaded, DefinitionChanges *changes);
    void put(scheduler::Id relid, LoadedDefinition &loaded, DefinitionChanges *changes);
    void forget(scheduler::Id relid, DefinitionChanges *changes);
    void count_owners();
    void compute_effective_schedules();

    std::map<scheduler::Id, Known> known_;
    scheduler::Graph graph_;
    scheduler::EffectiveSchedules effective_schedules_;
    bool has_several_owners_ = false;
    std::map<scheduler::Id, scheduler::Ids> refresh_groups_; /* by each member */

    std::optional<std::string> settings_; /* that this process was given by its database */
    uint32_t changes_seen_ = 0;
    bool is_loaded_ = false;
    TimestampTz load_after_ = 0; /* a failed read is repeated then */
    TimestampTz reload_pause_us_ = 0;
    std::string load_fault_;              /* that the log shows already */
    std::set<scheduler::Id> to_reload_;   /* these or sources of theirs were locked */
};

} // namespace pgtrickle::worker
