/*
 * The manager of a database: sees to it that its stream tables are refreshed when they are
 * due, and at once when a reader asks. It only schedules; refresh workers refresh.
 *
 *   wake up ─► definitions changed? load ─► what workers have done ─► requests ─► which idle ones are
 *   dirty now ─► jobs for those asked for, then for those due, to whoever is free ─► sleep until the
 *   first due time, a request, a result, or a commit
 *
 * A job is a batch: due stream tables that are connected, those of their schedule that are
 * connected to them, and who comes along with any of these: what they read that keeps no schedule of its own, and atomic
 * diamonds as a whole. A reader's job takes along all that is read. All of it is of one owner (scheduler/share); what
 * belongs to others is refreshed by jobs before it, where it comes along, or read as it stands. Two jobs run side by side if none of what
 * one involves (its members, and all of their owners that they read) is involved in the other. A failing member is counted, put off, and in
 * the end suspended, and never stops the others.
 *
 * A task is idle, queued, suspended or running (in a job); a running one is looked at again when its
 * job ends, whatever has come in between. Of idle ones the manager looks only at those that news are
 * about (change_listener.hpp). While nothing changes the manager runs no SQL, holds no
 * snapshot and does not wake up. One process, C++ frames; everything it keeps is here.
 */
#pragma once

#include "mailbox/manager_side.hpp"
#include "scheduler/graph/graph.hpp"
#include "scheduler/graph/hold.hpp"
#include "scheduler/job.hpp"
#include "scheduler/graph/effective_schedule.hpp"
#include "scheduler/queue.hpp"
#include "scheduler/share.hpp"
#include "worker/manager/change_listener.hpp"
#include "worker/pool.hpp"

#include <functional>
#include <list>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace pgtrickle::worker {

/* What the manager keeps of a definition. */
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
    bool is_restless = false; /* another answer without a change: volatile functions, now() */
    bool has_overrun = false; /* as in a job */
    bool goes_alone = false;
    int preferred_worker = nobody; /* who has its program compiled */
    std::optional<scheduler::EffectiveSchedule> pace; /* as its task and the mailbox know it */
    bool is_frozen = false;          /* its tier */
    bool is_suspended = false;
    std::optional<scheduler::Hold> hold;
    bool hold_reported = false;       /* in the history */
    bool is_stale_told = false;      /* in an alert */
    bool is_released = false;        /* a group has advanced: it is to be refreshed, even without changes */
};

/* A request that is not answered yet. Only jobs that began after it came say anything about it. */
struct Asked {
    mailbox::Request request;
    TimestampTz came_at = 0;
    uint64_t came_after = 0;      /* the last job that had begun */
    std::set<scheduler::Id> open; /* not refreshed since */
    mailbox::Reply reply = {mailbox::Answer::done, InvalidOid};
};

using Verdicts = std::map<scheduler::Id, scheduler::Verdict>;

struct RunningJob {
    uint64_t number = 0;
    TimestampTz began_at = 0;
    scheduler::Job::Kind kind = scheduler::Job::Kind::refresh;
    int worker = nobody; /* this process, for nobody */
    scheduler::Ids members;
    scheduler::Ids involved;
    scheduler::Ids occupied; /* of those, what no other job may refresh meanwhile */
    std::map<scheduler::Id, TimestampTz> pending; /* those involved that were not current at its begin, and since when; for readers only */
    scheduler::Ids serves; /* what readers have asked for that reads the members; a later job refreshes it */
    bool waits_for_locks = false; /* somebody in it was locked when last tried, and may be so still */
    int64_t commits = 0; /* of a source since it was last read for a job; of the busiest one */
};

class Manager {
  public:
    /* Until it is asked to exit or has nothing to do. */
    void run();

  private:
    /* manager.cpp */
    void cycle();
    void load_if_due();
    void make_idle(scheduler::Task &task);
    bool queue_if_due(scheduler::Task &task, TimestampTz now, const scheduler::Zone &zone);
    void watch();
    void forget_pauses(TimestampTz now);
    std::optional<TimestampTz> due_of(const scheduler::Task &task, TimestampTz since, TimestampTz now,
                                      const scheduler::Zone &zone) const;
    long sleep_ms();

    /* reader_requests.cpp */
    void take_requests();
    void settle_requests();
    void refuse_requests();
    void resolve(Asked &asked, scheduler::Id id, mailbox::Answer answer, scheduler::Id culprit);
    void resolve_by(const RunningJob &job, const Verdicts &verdicts);
    bool lacks_anything(const RunningJob &job, const Verdicts &verdicts, scheduler::Id id, TimestampTz before) const;
    void resolve_served(Asked &asked, const RunningJob &job, const Verdicts &verdicts);
    mailbox::Reply obstacle(scheduler::Id id, TimestampTz now);
    scheduler::Ids asked_for() const;
    TimestampTz asked_since(scheduler::Id id) const;
    void tell_who_serves();

    /* dispatch.cpp */
    void dispatch();
    bool dispatch_asked();
    bool dispatch_due();
    bool dispatch_upkeep();
    int preferred_worker_of(const scheduler::Ids &members) const;
    /* What is to be refreshed, and why. */
    struct Wanted {
        TimestampTz since;
        std::function<bool(scheduler::Task &)> is_wanted;
        scheduler::RequestedBy requested_by;
        scheduler::Ids serves; /* as in RunningJob */
    };
    bool dispatch_batch(scheduler::Id id, const Wanted &wanted, std::set<scheduler::Id> *seen);
    bool begin(const scheduler::Ids &members, const std::set<scheduler::Id> &wanted, const std::set<scheduler::Id> &companions,
               const Wanted &asked);
    void pull_readers(TimestampTz now);
    bool is_ready(scheduler::Task &task, TimestampTz now);
    void note_trouble(const scheduler::Task &task);
    struct Trouble {
        scheduler::Id culprit = 0;
        bool is_suspended = false;
        TimestampTz until = 0; /* 0: there is none */
    };
    Trouble trouble_of(scheduler::Id id, scheduler::RequestedBy requested_by);
    scheduler::Ids with_required(const scheduler::Ids &batch, scheduler::RequestedBy requested_by,
                              const scheduler::Ids *owners = nullptr);
    bool is_busy(const scheduler::Ids &occupied) const;
    bool was_locked(const scheduler::Ids &members) const;
    bool is_somebody_waiting_for_locks() const;
    std::vector<scheduler::Ids> groups_of(const scheduler::Ids &members);
    scheduler::Job make_job(const scheduler::Ids &involved, size_t member_count,
                            const std::set<scheduler::Id> &wanted, const std::set<scheduler::Id> &companions,
                            scheduler::RequestedBy requested_by);
    void start(const Pool::Choice &choice, scheduler::Job job, RunningJob running);
    void take_results();
    void end(const RunningJob &job, const std::optional<scheduler::JobResult> &result);
    bool is_held_up(TimestampTz now) const;
    TimestampTz held_up_at() const; /* when it is; DT_NOEND: never, as things are */
    void note_overrun(const RunningJob &job, const Pool::Overrun &overrun);
    int64_t count_commits(const scheduler::Ids &involved);
    void record_in_throttles(const RunningJob &job, const scheduler::JobResult &result);
    void settle(scheduler::Id id, scheduler::Verdict verdict, const scheduler::MemberResult *result);

    /* sharing.cpp */
    void count_owners();
    scheduler::Id owner_of(scheduler::Id id) const;
    scheduler::Ids owners_of(const scheduler::Ids &members) const;
    scheduler::Party party_of(scheduler::Id id) const;
    bool waits_for_share(scheduler::Id id) const;
    scheduler::Ids occupied_by(const scheduler::Ids &members, const scheduler::Ids &involved) const;
    scheduler::Ids without_others_between(scheduler::Id start, scheduler::Ids batch) const;
    scheduler::Ids needed_before(const scheduler::Ids &members, const Wanted &wanted);
    bool dispatch_before(const scheduler::Ids &needed, const scheduler::Ids &members, const Wanted &wanted,
                         std::set<scheduler::Id> *seen);

    /* definitions.cpp */
    bool load_definitions();
    void leave_if_others_are_given();
    void judge_all_anew();
    void reload_later();
    void note_failed_load(const Failure &failure);
    void take_in_all(const std::map<scheduler::Id, struct LoadedState> &states,
                     std::map<scheduler::Id, struct Loaded> &loaded);
    void take_in(scheduler::Id relid, Known known, const scheduler::Ids &sources, bool is_busy,
                 std::set<scheduler::Id> *above);
    void forget(scheduler::Id relid, std::set<scheduler::Id> *above);
    void set_effective_schedules();
    void set_effective_schedule(scheduler::Id relid, Known &known);
    void project_if_due();
    void project_definitions();
    void project_if_catalog_is_new();
    void set_task(scheduler::Id relid, const struct LoadedState &state);

    /* holds.cpp */
    void read_holds();
    void read_holds_if_due();
    void add_frozen();
    void apply_holds();
    void apply_hold(scheduler::Id id);
    bool is_released(scheduler::Id id) const;
    void note_taken_in(scheduler::Id id);
    TimestampTz pending_since(scheduler::Id id) const;
    TimestampTz own_pending_since(scheduler::Id id) const;
    std::optional<scheduler::Id> held_upstream(scheduler::Id id) const;
    void tell_holds();
    bool is_unreported(scheduler::Id id) const;

    /* stale_alerts.cpp */
    void alert_of_stale();
    void tell_stale(const std::vector<std::pair<scheduler::Id, TimestampTz>> &news, TimestampTz now);

    /* upkeep.cpp */
    bool is_upkeep_due(TimestampTz now);
    bool is_upkeep_late(TimestampTz now) const;
    scheduler::Job upkeep_job(TimestampTz now);
    void end_upkeep(const std::optional<scheduler::JobResult> &result);
    void finish_when_nothing_is_captured(TimestampTz now);
    bool is_upkeep_wanted() const;
    void note_written();
    void note_read_on(scheduler::Id id);

    scheduler::Graph graph_;
    scheduler::EffectiveSchedules effective_schedules_;
    std::set<scheduler::Id> troubled_; /* suspended, or the last refresh failed */
    std::set<scheduler::Id> locked_;   /* somebody held what the last attempt needed */
    scheduler::Queue queue_;
    std::map<scheduler::Id, Known> known_;
    bool has_several_owners_ = false; /* of those */
    Pool pool_;
    std::list<RunningJob> running_;
    std::map<scheduler::Id, uint64_t> busy_; /* what running jobs involve, and which of them */
    uint64_t last_job_ = 0;
    std::list<Asked> asked_;
    scheduler::Holds holds_;
    bool are_holds_read_ = false;
    scheduler::Ids resting_;         /* held or suspended, ascending */
    scheduler::Ids unreported_holds_;    /* something has happened to them, and the history may have to tell of their hold */
    std::set<std::pair<TimestampTz, scheduler::Id>> holds_due_; /* whose hold is to be told then */
    TimestampTz look_for_stale_at_ = 0; /* nobody is late before that */
    scheduler::Ids large_sources_;   /* whose logs an alert has told of */
    std::map<scheduler::Id, scheduler::Ids> group_members_; /* in its refresh group, itself included */
    std::optional<std::string> settings_; /* that this process was given by its database */
    uint32_t changes_seen_ = 0;
    bool is_loaded_ = false;
    bool has_nothing_ = false;       /* no extension, or no stream table */
    TimestampTz load_after_ = 0;     /* a failed load is repeated then */
    TimestampTz reload_pause_us_ = 0;
    std::string load_fault_;         /* the log has told of it */
    std::set<scheduler::Id> to_reload_; /* somebody kept it or a source of it locked */
    bool is_projection_due_ = false; /* what is known is not in the catalog yet */
    TimestampTz project_after_ = 0;
    TimestampTz dispatched_at_ = 0;  /* what was due then, and has not begun, waits for somebody */
    TimestampTz no_longer_wait_at_ = 0; /* the first job that waits for other owners' stream tables goes on; 0: none waits */
    Listening listening_;
    scheduler::Ids to_check_;       /* have become idle, or news are about them: to be looked at */
    std::map<uint32_t, uint64_t> commits_read_; /* by slot: how many there were at the last job that read the source */
    bool is_upkeep_running_ = false;
    bool is_catalog_new_ = false;
    bool is_projected_ = true;       /* the catalog has what was loaded last */
    bool may_trim_ = false;          /* something was logged or refreshed since the last upkeep */
    bool is_all_to_trim_ = false;    /* as logs of dropped stream tables are, which no commit tells of */
    std::set<uint32_t> to_trim_;     /* slots of sources that were written to or read on since upkeep looked at their logs, or
                                        for which there was more to do */
    std::set<uint32_t> held_back_;   /* of those for which there was more to do than could be done */
    bool has_unpruned_ = false;      /* the last upkeep pruned something: there may be more */
    TimestampTz upkeep_after_ = 0;
    TimestampTz prune_after_ = 0;
};

} // namespace pgtrickle::worker
