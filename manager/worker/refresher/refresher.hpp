/*
 * Runs one job, in a refresh worker, or in a manager that has no worker.
 *
 * A refresh job is one transaction for all members. If a member fails, the transaction is repeated without it
 * and without its dependents, so that the other members still reach one frontier together. A dependent of a
 * failed member, or a member of its atomic set, is behind, and no error is counted for it. The outcome of
 * each member is written here, to pgt_state, history, catalog and alerts, before the result is returned to
 * the manager.
 *
 * Lives for one job; no transaction is open before or after it. C++ frames; errors of a refresh are not
 * thrown.
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
    /* The process that runs the job. A manager does nothing else meanwhile, so that its time is limited. */
    enum class Process { worker, manager };
    /* `job` must outlive the object. */
    Refresher(const scheduler::Job &job, Process process);
    Refresher(const Refresher &) = delete;
    Refresher &operator=(const Refresher &) = delete;

    scheduler::JobResult run();
    bool has_rows_to_place() const { return !unplaced_.empty(); }
    /* Gives new ranges of partitioned storages their partitions, in a worker. Called after the result of run() has been
     * returned: readers that waited for it then release the storages. Moved rows run code of indexes, and the time of
     * that is limited as that of a refresh. What fails is tried again after the next refresh. */
    void place_rows();

  private:
    /* refresher.cpp */
    scheduler::Ids without_busy();
    void exclude_busy(scheduler::Id id, const std::set<scheduler::Id> &coming);
    std::set<scheduler::Id> needed_by(scheduler::Id id) const;
    scheduler::Ids atomic_set_of(scheduler::Id id) const;
    scheduler::Ids group_members_of(scheduler::Id id) const;
    void refresh_all(scheduler::Ids members);
    void refresh_together(scheduler::Ids members);
    void refresh_separately(scheduler::Ids members);
    void exclude(scheduler::Id failed, scheduler::Ids &members);
    scheduler::Id prepare_first_fills(const scheduler::Ids &unfilled, const TimeLimit &limit);
    std::optional<TransactionFailure> attempt(const scheduler::Ids &members);
    TimeLimit time_limit(const scheduler::Ids &members) const;
    bool place_rows_of(scheduler::Id id);
    void exclude_ended(scheduler::Ids &members);
    void note_successes(const std::vector<refresh::Outcome> &outcomes, const scheduler::Ids &dirty);
    void alert_of_reinitialized(const std::vector<refresh::Outcome> &outcomes) const;
    Programs unwritten_programs(const std::vector<refresh::Outcome> &outcomes) const;
    void write_programs(const Programs &programs);
    const scheduler::Involved *find(scheduler::Id id) const;
    scheduler::MemberResult &result_of(scheduler::Id id);
    bool has_verdict(scheduler::Id id) const { return results_.count(id) != 0; }
    void set_verdict(scheduler::Id id, scheduler::MemberVerdict verdict) { result_of(id).verdict = verdict; }

    catalog::InitiatedBy initiated_by() const
    {
        return job_.requested_by == scheduler::RequestedBy::reader ? catalog::InitiatedBy::scan
                                                                   : catalog::InitiatedBy::scheduler;
    }

    /* failures.cpp */
    bool count_failure(const scheduler::Involved &member, const TransactionFailure &failure);
    void note_failure(const scheduler::Involved &member, const TransactionFailure &failure, TimestampTz started_at);
    bool write_failure(const scheduler::Involved &member, const TransactionFailure &failure,
                       scheduler::MemberResult *result);

    const scheduler::Job &job_;
    const Process process_;
    uint64_t grants_ = 0;    /* mailbox::grants() before the last attempt */
    size_t attempts_ = 1;    /* number of attempts that share the time of a manager */
    scheduler::Graph graph_; /* of the stream tables that the job involves */
    std::map<scheduler::Id, const scheduler::Involved *> involved_;
    std::map<scheduler::Id, scheduler::MemberResult> results_;
    refresh::SkippedMembers skipped_; /* of the last attempt */
    scheduler::Ids unplaced_;         /* refreshed members for place_rows() */
    bool is_outdated_ = false;
};

} // namespace pgtrickle::worker
