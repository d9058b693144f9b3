/*
 * The execution of one job, in a refresh worker, or in a manager that has none.
 *
 * A refresh: one transaction for all members; if one fails, the same again without it and
 * without those that read it, so that the others still reach one frontier together. Who reads a
 * failed one, or is its atomic sibling, is behind, and no error is counted against it. What
 * becomes of each member is written here, to pgt_state, history, catalog and alerts, before the result
 * tells the manager.
 *
 * Lives for one job; no transaction is open before or after it. C++ frames; nothing of a
 * failed refresh is thrown.
 */
#pragma once

#include "catalog/tables/tables.hpp"
#include "refresh/refresh.hpp"
#include "scheduler/job.hpp"
#include "worker/refresher/time_limit.hpp"
#include "worker/transaction.hpp"

#include <map>
#include <set>

namespace pgtrickle::worker {

using Programs = std::map<scheduler::Id, std::vector<catalog::ProgramStatement>>;

class Refresher {
  public:
    /* The process that does the job. A manager does nothing else meanwhile, so its time is limited. */
    enum class Process { worker, manager };
    /* `job` must outlive it, as must `words`, in which it notes what it refreshes; or null. */
    Refresher(const scheduler::Job &job, Process process, struct LastWords *words = nullptr);
    Refresher(const Refresher &) = delete;
    Refresher &operator=(const Refresher &) = delete;

    scheduler::JobResult run();

  private:
    /* refresher.cpp */
    scheduler::Ids without_busy();
    void leave_out_busy(scheduler::Id id, const std::set<scheduler::Id> &coming);
    std::set<scheduler::Id> needed_by(scheduler::Id id) const;
    scheduler::Ids atomic_set_of(scheduler::Id id) const;
    scheduler::Ids group_members_of(scheduler::Id id) const;
    void refresh_all(scheduler::Ids members);
    void refresh_group(scheduler::Ids members);
    void refresh_alone(scheduler::Ids members);
    void leave_out(scheduler::Id failed, scheduler::Ids &members);
    std::optional<Failure> attempt(const scheduler::Ids &members);
    TimeLimit time_limit(const scheduler::Ids &members) const;
    void note_attempt(scheduler::Id first, size_t count) const;
    void leave_out_overrun(scheduler::Ids &members);
    void note_successes(const std::vector<refresh::Outcome> &outcomes, const scheduler::Ids &dirty);
    void alert_of_reinitialized(const std::vector<refresh::Outcome> &outcomes) const;
    Programs unwritten_programs(const std::vector<refresh::Outcome> &outcomes) const;
    void write_programs(const Programs &programs);
    const scheduler::Involved *find(scheduler::Id id) const;
    scheduler::MemberResult &result_of(scheduler::Id id);
    bool has_verdict(scheduler::Id id) const { return results_.count(id) != 0; }
    void set_verdict(scheduler::Id id, scheduler::Verdict verdict) { result_of(id).verdict = verdict; }

    /* failures.cpp */
    void note_failure(const scheduler::Involved &member, const Failure &failure, TimestampTz started_at);
    bool write_failure(const scheduler::Involved &member, const Failure &failure, scheduler::MemberResult *result);

    const scheduler::Job &job_;
    const Process process_;
    struct LastWords *words_;
    size_t attempts_ = 1; /* that share the time of a manager */
    scheduler::Graph graph_; /* of those that the job involves */
    std::map<scheduler::Id, const scheduler::Involved *> involved_;
    std::map<scheduler::Id, scheduler::MemberResult> results_;
    refresh::SkippedMembers skipped_; /* of the last attempt */
    bool is_outdated_ = false;
};

} // namespace pgtrickle::worker
