/*
 * The known graph: what a manager has read of the definitions of its database's stream tables.
 *
 * Owns a record for each stream table, the graph of what they read, their effective schedules and atomic
 * sets, and their refresh groups; determines when definitions must be read again. The loop calls read() when
 * it is due; all other objects of the manager look definitions up here.
 *
 * A definition is read in a transaction of its own. If that fails, the others are not affected: the stream table passes
 * for one that is due, so that its refresh meets the error, which is counted, recorded and postponed as that of any
 * refresh (refresher/failures.cpp), and the definition is read again later, or when it changes.
 *
 * Invariants: the graph has a node for each record and no others. The effective schedules are those of that
 * graph. A reference to a record is valid until the next read(). C++ frames; read() must be called outside of
 * transactions.
 */
#pragma once

#include "definition/state/all_states.hpp"
#include "pg/boundary.hpp"
#include "scheduler/graph/effective_schedule.hpp"
#include "scheduler/share.hpp"
#include "worker/transaction.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace pgtrickle::worker {

/* A stream table as far as it is known. */
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
    bool is_program_written = false; /* its program of this generation is written to the catalog */
    bool is_time_dependent = false;  /* its result may differ without a change: volatile functions, now(); or its query
                                      * could not be read */
    bool is_immediate = false;       /* commits of writers refresh it */
    bool is_frozen = false;          /* its tier is frozen */
    bool is_suspended = false;
    TimestampTz unread_since = 0; /* its query could not be read: a refresh must report why; 0: it was read */
};

/* The part of a stream table's row in pgt_state that its task depends on. */
struct StoredState {
    bool is_populated = false;
    bool is_suspended = false;
    bool has_changed = false; /* it was suspended or resumed, or its definition was read */
    int failures = 0;
    TimestampTz data_timestamp = 0; /* 0: unpopulated */
    std::string status;
};

/* The changes that a read of the definitions has found. */
struct DefinitionChanges {
    std::map<scheduler::Id, StoredState> states; /* of all stream tables whose definitions are known */
    scheduler::Ids gone;
    std::set<scheduler::Id> read;                  /* stream tables whose definitions were read */
    std::set<scheduler::Id> downstream_of_changes; /* those, and all downstream of a change of the graph */
    bool has_other_time_zone = false;
    bool is_empty = false;             /* there is no stream table, or no extension */
    bool is_nothing_to_manage = false; /* in addition, no source is captured */
};

struct LoadedDefinition;

class Definitions {
  public:
    /* `settings_changes` is mailbox::settings_changes() before the process got the settings of its database. */
    explicit Definitions(uint64_t settings_changes) : settings_changes_(settings_changes) {}
    Definitions(const Definitions &) = delete;
    Definitions &operator=(const Definitions &) = delete;

    /* Reads what has changed. Returns nothing if listing the stream tables failed; it is retried later. */
    std::optional<DefinitionChanges> read();
    /* In a transaction. */
    void read_refresh_groups();

    /* ---- when ---- */
    /* `is_awaited`: a reader waits, and the answer may depend on a change. */
    bool is_due(bool is_awaited) const;
    bool is_current() const { return is_loaded_; }
    void read_again() { is_loaded_ = false; }
    void read_again_at(TimestampTz at);
    std::optional<TimestampTz> next_at() const;
    /* Called after a change has been read and followed, which took so long: it costs time in proportion to the
     * number of stream tables, whatever has changed, so that further changes are read together after a pause. */
    void pause_after(TimestampTz duration_us);
    void forget_pauses(TimestampTz now)
    {
        read_failed_at_ = std::min(read_failed_at_, now);
        load_after_ = std::min(load_after_, now);
        pause_until_ = std::min(pause_until_, now);
    }
    /* The count of definition changes in the mailbox when the definitions were read. */
    uint32_t changes_seen() const { return changes_seen_; }

    /* ---- what is known ---- */
    const std::map<scheduler::Id, Known> &all() const { return known_; }
    Known *find(scheduler::Id id);
    const Known *find(scheduler::Id id) const;
    Known &at(scheduler::Id id) { return known_.at(id); }
    const Known &at(scheduler::Id id) const { return known_.at(id); }
    /* It or one of its sources was locked when its definition was read, which will be read again. */
    bool is_locked(scheduler::Id id) const { return to_reload_.count(id) != 0; }
    const scheduler::Graph &graph() const { return graph_; }
    const scheduler::EffectiveSchedule &effective_schedule(scheduler::Id id) const
    {
        return effective_schedules_.of(id);
    }
    const scheduler::AtomicSets &atomic_sets() const { return effective_schedules_.atomic_sets(); }

    bool has_several_owners() const { return has_several_owners_; }
    scheduler::Id owner_of(scheduler::Id id) const; /* 0: unknown */
    /* The refresh group of `id`, itself included, ascending; null if it is in none. */
    const scheduler::Ids *refresh_group_of(scheduler::Id id) const;

  private:
    void leave_if_settings_changed();
    void record_failed_read(const TransactionFailure &failure);
    void read_again_later();
    bool must_be_read(const state::StateSummary &glance, bool is_invalidated, bool reads_failed) const;
    std::map<scheduler::Id, LoadedDefinition> load_all(const std::vector<state::StateSummary> &glances);
    void record_failures(const std::map<scheduler::Id, LoadedDefinition> &loaded);
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

    const uint64_t settings_changes_;
    std::optional<std::string> settings_; /* those with which this process has started, once they are certain */
    uint32_t changes_seen_ = 0;
    bool is_loaded_ = false;
    TimestampTz load_after_ = 0; /* a failed read is repeated at this time */
    TimestampTz reload_pause_us_ = 0;
    TimestampTz pause_until_ = 0;                 /* see pause_after() */
    std::string load_fault_;                      /* the fault that is in the log already */
    std::set<scheduler::Id> to_reload_;           /* the stream table or one of its sources was locked */
    std::map<scheduler::Id, std::string> failed_; /* the error of a definition that could not be read */
    TimestampTz read_failed_at_ = 0;              /* they are read again at this time */
};

} // namespace pgtrickle::worker
