#include "worker/manager/job_results.hpp"

#include "mailbox/mailbox.hpp"
#include "mailbox/process_end.hpp"
#include "worker/manager/debug_log.hpp"

#include <algorithm>

namespace pgtrickle::worker {

using scheduler::Id;
using scheduler::MemberResult;
using scheduler::MemberVerdict;
using scheduler::Task;

/* The members will be refreshed together again, therefore each is charged for the whole job. */
void JobResults::record_in_throttles(const RunningJob &job, const scheduler::JobResult &result)
{
    TimestampTz now = GetCurrentTimestamp();
    const int hot_jobs = job.members.empty() ? 1 : hot_jobs_.record(job.members.front(), job.commits, now);
    for (const MemberResult &member : result.members) {
        Task *task = tasks_.find(member.id);
        if (task == nullptr || member.verdict != MemberVerdict::refreshed)
            continue;
        if (member.has_changed || mailbox::is_clean(member.id))
            task->throttle.record_refresh(result.took_us, job.commits, now, spacing_us(), hot_jobs);
        else
            task->throttle.record_empty_refresh(now, spacing_us());
    }
}

void JobResults::record(Task &task, const MemberResult &result)
{
    Known &known = definitions_.at(task.id);
    known.is_program_written = result.is_program_written;
    if (result.verdict == MemberVerdict::refreshed || result.verdict == MemberVerdict::failed)
        mailbox::forget_process_end(task.id);
    task.failures = result.failures;
    task.retries = result.retries;
    task.not_before = scheduler::end_of_back_off(result.not_before, GetCurrentTimestamp());
    if (result.verdict == MemberVerdict::refreshed) {
        task.refreshed_at = result.started_at;
        holds_.record_refresh(task.id);
    }
    /* Holds have changed since they were last read. */
    if (result.verdict == MemberVerdict::held)
        holds_.read_again();
    if (result.is_suspended) {
        /* A user may have resumed it meanwhile; pgt_state is read again for that. */
        tasks_.suspend(task);
        known.is_suspended = true;
        definitions_.read_again();
    }
}

/* A task that becomes idle here is checked in this cycle. */
void JobResults::put_back(Task &task, MemberVerdict verdict)
{
    if (verdict == MemberVerdict::refreshed)
        return tasks_.make_idle(task);
    log_retry(definitions_.at(task.id), verdict);
    if (verdict == MemberVerdict::failed)
        tasks_.queue(task, task.not_before);
    else
        tasks_.queue(task, std::max<TimestampTz>(task.not_before, GetCurrentTimestamp() + spacing_us()));
}

/* Moves a task to its place after a job. */
void JobResults::settle(Id id, MemberVerdict verdict, const MemberResult *result)
{
    Task *task = tasks_.find(id);
    if (task == nullptr)
        return;
    if (result != nullptr)
        record(*task, *result);
    tasks_.record_trouble(*task);
    tasks_.set_locked(id, verdict == MemberVerdict::locked);
    if (!task->is_suspended)
        put_back(*task, verdict);
}

/* If the worker died, the mailbox knows what became of its members, and how it ended (process_end.hpp). */
void JobResults::end(const RunningJob &job, const std::optional<scheduler::JobResult> &result)
{
    Verdicts verdicts;
    for (Id id : job.members)
        verdicts[id] = MemberVerdict::locked;
    if (result) {
        record_in_throttles(job, *result);
        for (const MemberResult &member : result->members) {
            verdicts[member.id] = member.verdict;
            if (member.has_changed)
                upkeep_.record_refresh(member.id);
            settle(member.id, member.verdict, &member);
        }
        if (result->is_catalog_new)
            projection_.record_new_catalog();
        if (result->is_outdated)
            definitions_.read_again();
    }
    /* Members that the result does not mention, and those of a worker that died. */
    for (Id id : job.members)
        if (const Task *task = tasks_.find(id); task != nullptr && task->is_running)
            settle(id, result ? MemberVerdict::refreshed : MemberVerdict::locked, nullptr);
    requests_.resolve_by(job, verdicts);
    if (job.kind == scheduler::Job::Kind::upkeep)
        upkeep_.end(result);
    jobs_.remove(job.number);
}

void JobResults::end_unbegun(const RunningJob &job, TimestampTz due_at)
{
    for (Id id : job.members)
        if (Task *task = tasks_.find(id); task != nullptr && !task->is_suspended)
            tasks_.queue(*task, due_at);
    jobs_.remove(job.number);
}

} // namespace pgtrickle::worker
