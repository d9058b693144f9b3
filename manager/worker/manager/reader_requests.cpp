/*
 * Readers' requests: taken at once, served by jobs, answered when the last of their stream
 * tables has been refreshed by a job that began after the request came, and that took in what all below
 * them had to take in: each of them was refreshed by it too, or had nothing pending when it began. A job for what
 * came due reads what keeps its pace as it stands, so it may be no answer; the reader's own follows.
 */
#include "definition/guc.hpp"
#include "worker/manager/manager.hpp"

#include <algorithm>

namespace pgtrickle::worker {

using scheduler::Id;
using scheduler::Ids;
using scheduler::Verdict;

/* Why one that a reader asked for cannot be refreshed now; Answer::none: it can. */
mailbox::Reply Manager::obstacle(Id id, TimestampTz now)
{
    if (!graph_.contains(id)) {
        /* The reader knows it, so it is new: it is asked for again in a moment. */
        is_loaded_ = false;
        return {mailbox::Answer::locked, id};
    }
    Ids involved = graph_.upstreams(id);
    involved.insert(involved.begin(), id);
    if (known_.at(id).hold)
        return {mailbox::Answer::held, id};
    for (Id other : involved) {
        scheduler::Task *task = queue_.find(other);
        if (task != nullptr && task->is_suspended && !known_.at(other).hold)
            return {mailbox::Answer::suspended, other};
    }
    if (const Trouble trouble = trouble_of(id, scheduler::RequestedBy::reader); trouble.until > now)
        return {!trouble.is_suspended                   ? mailbox::Answer::failed
                : known_.at(trouble.culprit).hold ? mailbox::Answer::held
                                                  : mailbox::Answer::suspended,
                trouble.culprit};
    /* It has taken in what it can: the rest is held back below it. */
    if (pending_since(id) == 0)
        if (std::optional<Id> upstream = held_upstream(id))
            return {mailbox::Answer::held, *upstream};
    return {};
}

void Manager::take_requests()
{
    for (mailbox::Request &request : mailbox::take_requests()) {
        Asked asked;
        asked.came_at = GetCurrentTimestamp();
        asked.came_after = last_job_;
        /* All of a statement together, so that they reach one frontier, if one of them needs it. */
        if (!std::all_of(request.relids.begin(), request.relids.end(), mailbox::is_current))
            asked.open.insert(request.relids.begin(), request.relids.end());
        asked.request = std::move(request);
        asked_.push_back(std::move(asked));
    }
}

/* One that is only locked is worth another try; anything else is not. */
void Manager::resolve(Asked &asked, Id id, mailbox::Answer answer, Id culprit)
{
    asked.open.erase(id);
    if (answer == mailbox::Answer::done && !mailbox::is_clean(id) && held_upstream(id))
        answer = mailbox::Answer::held;
    if (answer == mailbox::Answer::done)
        return;
    if (answer != mailbox::Answer::locked || asked.reply.answer == mailbox::Answer::done)
        asked.reply = {answer, culprit};
}

/* Whether what `job` refreshed lacks changes of up to then that an upstream is yet to take in, and is not kept from. */
bool Manager::lacks_anything(const RunningJob &job, const Verdicts &verdicts, Id id, TimestampTz before) const
{
    const Ids upstreams = graph_.upstreams(id);
    return std::any_of(upstreams.begin(), upstreams.end(), [&](Id upstream) {
        auto verdict = verdicts.find(upstream);
        bool is_refreshed = verdict != verdicts.end() && verdict->second == Verdict::refreshed;
        auto pending = job.pending.find(upstream);
        return !is_refreshed && pending != job.pending.end() && pending->second <= before && !known_.at(upstream).hold;
    });
}

namespace {

mailbox::Answer answer_of(const Verdicts &verdicts, Id id)
{
    auto found = verdicts.find(id);
    switch (found != verdicts.end() ? found->second : Verdict::locked) {
    case Verdict::refreshed:
        return mailbox::Answer::done;
    case Verdict::locked:
        return mailbox::Answer::locked;
    case Verdict::held:
        return mailbox::Answer::held;
    default:
        return mailbox::Answer::failed;
    }
}

} // namespace

/* What was to be refreshed before it was not. */
void Manager::resolve_served(Asked &asked, const RunningJob &job, const Verdicts &verdicts)
{
    for (Id id : job.serves)
        for (Id upstream : graph_.upstreams(id)) {
            const bool is_member = std::find(job.members.begin(), job.members.end(), upstream) != job.members.end();
            const mailbox::Answer answer = is_member ? answer_of(verdicts, upstream) : mailbox::Answer::done;
            if (answer != mailbox::Answer::done && answer != mailbox::Answer::held && asked.open.count(id) != 0)
                resolve(asked, id, answer, upstream);
        }
}

void Manager::resolve_by(const RunningJob &job, const Verdicts &verdicts)
{
    for (Asked &asked : asked_) {
        if (job.number <= asked.came_after)
            continue;
        resolve_served(asked, job, verdicts);
        for (Id id : job.members) {
            if (asked.open.count(id) == 0)
                continue;
            mailbox::Answer answer = answer_of(verdicts, id);
            if (answer != mailbox::Answer::done || !lacks_anything(job, verdicts, id, asked.came_at))
                resolve(asked, id, answer, id);
        }
    }
}

/* Answers those that can be answered now, and forgets those that nobody waits for. */
void Manager::settle_requests()
{
    TimestampTz now = GetCurrentTimestamp();
    for (auto asked = asked_.begin(); asked != asked_.end();) {
        if (std::all_of(asked->open.begin(), asked->open.end(), mailbox::is_current))
            asked->open.clear();
        Ids open(asked->open.begin(), asked->open.end());
        for (Id id : open) {
            mailbox::Reply reply = obstacle(id, now);
            if (reply.answer != mailbox::Answer::none)
                resolve(*asked, id, reply.answer, reply.culprit);
        }
        if (asked->open.empty())
            mailbox::answer(asked->request, asked->reply);
        if (asked->open.empty() || !mailbox::is_waiting(asked->request))
            asked = asked_.erase(asked);
        else
            ++asked;
    }
}

/* pg_trickle.enabled is off. */
void Manager::refuse_requests()
{
    for (const Asked &asked : asked_)
        mailbox::answer(asked.request, {mailbox::Answer::no_manager, InvalidOid});
    asked_.clear();
}

/* What readers wait for, the first who came first. */
Ids Manager::asked_for() const
{
    Ids wanted;
    for (const Asked &asked : asked_)
        for (Id id : asked.request.relids)
            if (asked.open.count(id) != 0 && std::find(wanted.begin(), wanted.end(), id) == wanted.end())
                wanted.push_back(id);
    return wanted;
}

TimestampTz Manager::asked_since(Id id) const
{
    for (const Asked &asked : asked_)
        if (asked.open.count(id) != 0)
            return asked.came_at;
    return DT_NOEND;
}

/* Each reader learns whom he waits for: those who execute a job that involves what he asked for, be it
 * the one that serves him or one that has to end before. */
void Manager::tell_who_serves()
{
    for (const Asked &asked : asked_) {
        std::set<int> pids;
        for (Id id : asked.open) {
            Ids involved = graph_.upstreams(id);
            involved.push_back(id);
            for (Id other : involved) {
                auto busy = busy_.find(other);
                if (busy == busy_.end())
                    continue;
                for (const RunningJob &job : running_)
                    if (job.number == busy->second)
                        pids.insert(pool_.pid_of(job.worker));
            }
        }
        pids.erase(0);
        mailbox::tell_who_serves(asked.request, std::vector<int>(pids.begin(), pids.end()));
    }
}

} // namespace pgtrickle::worker
