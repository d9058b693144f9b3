#include "worker/manager/reader_requests.hpp"

#include <algorithm>

namespace pgtrickle::worker {

using scheduler::Id;
using scheduler::Ids;
using scheduler::MemberVerdict;

namespace {

mailbox::Answer answer_of(const Verdicts &verdicts, Id id)
{
    auto found = verdicts.find(id);
    switch (found != verdicts.end() ? found->second : MemberVerdict::locked) {
    case MemberVerdict::refreshed: return mailbox::Answer::done;
    case MemberVerdict::locked: return mailbox::Answer::locked;
    case MemberVerdict::held: return mailbox::Answer::held;
    default: return mailbox::Answer::failed;
    }
}

} // namespace

void ReaderRequests::take()
{
    for (mailbox::Request &request : mailbox::take_requests()) {
        PendingRequest pending;
        pending.came_at = GetCurrentTimestamp();
        pending.came_after = jobs_.last_number();
        /* If one stream table of a statement needs a refresh, all of them are refreshed, so that they reach
         * one frontier. */
        if (!std::all_of(request.relids.begin(), request.relids.end(), mailbox::is_current))
            pending.open.insert(request.relids.begin(), request.relids.end());
        pending.request = std::move(request);
        pending_.push_back(std::move(pending));
    }
}

/* Returns the reply that `culprit` is suspended or held; or, as that may have ended for one of the `involved` whose
 * definition was locked when it was to be read again, that the reader is to request it again in a moment. */
mailbox::Reply ReaderRequests::inactive(Id culprit, const Ids &involved, mailbox::Answer answer) const
{
    const bool is_outdated =
        std::any_of(involved.begin(), involved.end(), [&](Id one) { return definitions_.is_locked(one); });
    return {is_outdated ? mailbox::Answer::locked : answer, culprit};
}

/* Why a requested stream table cannot be refreshed now; Answer::none: it can be. */
mailbox::Reply ReaderRequests::obstacle(Id id, TimestampTz now)
{
    if (!definitions_.graph().contains(id)) {
        /* It exists for the reader, hence it is new: the reader requests it again in a moment. */
        definitions_.read_again();
        return {mailbox::Answer::locked, id};
    }
    Ids involved = definitions_.graph().upstreams(id);
    involved.insert(involved.begin(), id);
    if (holds_.is_held(id))
        return inactive(id, involved, mailbox::Answer::held);
    for (Id other : involved) {
        const scheduler::Task *task = tasks_.find(other);
        if (task != nullptr && task->is_suspended && !holds_.is_held(other))
            return inactive(other, involved, mailbox::Answer::suspended);
    }
    if (const Trouble trouble = planner_.trouble_of(id, scheduler::RequestedBy::reader); trouble.until > now) {
        if (!trouble.is_suspended)
            return {mailbox::Answer::failed, trouble.culprit};
        return inactive(trouble.culprit, involved,
                        holds_.is_held(trouble.culprit) ? mailbox::Answer::held : mailbox::Answer::suspended);
    }
    /* It has applied all available changes; a hold on an upstream keeps the others back. */
    if (tasks_.pending_since(id) == 0)
        if (std::optional<Id> upstream = holds_.held_upstream(id))
            return inactive(*upstream, involved, mailbox::Answer::held);
    return {};
}

/* A stream table that is only locked is worth a retry; other failures are not. */
void ReaderRequests::resolve(PendingRequest &pending, Id id, mailbox::Answer answer, Id culprit)
{
    pending.open.erase(id);
    if (answer == mailbox::Answer::done && !mailbox::is_clean(id) && holds_.held_upstream(id))
        answer = mailbox::Answer::held;
    if (answer == mailbox::Answer::done)
        return;
    if (answer != mailbox::Answer::locked || pending.reply.answer == mailbox::Answer::done)
        pending.reply = {answer, culprit};
}

/* Whether an upstream of `id` was not refreshed by `job`, had changes of up to `before` pending when the job
 * began, and is not held. */
bool ReaderRequests::lacks_anything(const RunningJob &job, const Verdicts &verdicts, Id id, TimestampTz before) const
{
    const Ids upstreams = definitions_.graph().upstreams(id);
    return std::any_of(upstreams.begin(), upstreams.end(), [&](Id upstream) {
        auto verdict = verdicts.find(upstream);
        bool is_refreshed = verdict != verdicts.end() && verdict->second == MemberVerdict::refreshed;
        auto pending = job.pending.find(upstream);
        return !is_refreshed && pending != job.pending.end() && pending->second <= before && !holds_.is_held(upstream);
    });
}

/* Resolves requests whose stream tables were to be refreshed after `job`, if it failed to refresh an upstream
 * of them. */
void ReaderRequests::resolve_served(PendingRequest &pending, const RunningJob &job, const Verdicts &verdicts)
{
    for (Id id : job.serves)
        for (Id upstream : definitions_.graph().upstreams(id)) {
            const bool is_member = std::find(job.members.begin(), job.members.end(), upstream) != job.members.end();
            const mailbox::Answer answer = is_member ? answer_of(verdicts, upstream) : mailbox::Answer::done;
            if (answer != mailbox::Answer::done && answer != mailbox::Answer::held && pending.open.count(id) != 0)
                resolve(pending, id, answer, upstream);
        }
}

void ReaderRequests::resolve_by(const RunningJob &job, const Verdicts &verdicts)
{
    for (PendingRequest &pending : pending_) {
        if (job.number <= pending.came_after)
            continue;
        resolve_served(pending, job, verdicts);
        for (Id id : job.members) {
            if (pending.open.count(id) == 0)
                continue;
            mailbox::Answer answer = answer_of(verdicts, id);
            if (answer != mailbox::Answer::done || !lacks_anything(job, verdicts, id, pending.came_at))
                resolve(pending, id, answer, id);
        }
    }
}

void ReaderRequests::settle()
{
    TimestampTz now = GetCurrentTimestamp();
    for (auto pending = pending_.begin(); pending != pending_.end();) {
        if (std::all_of(pending->open.begin(), pending->open.end(), mailbox::is_current))
            pending->open.clear();
        Ids open(pending->open.begin(), pending->open.end());
        for (Id id : open) {
            mailbox::Reply reply = obstacle(id, now);
            if (reply.answer != mailbox::Answer::none)
                resolve(*pending, id, reply.answer, reply.culprit);
        }
        if (pending->open.empty())
            mailbox::answer(pending->request, pending->reply);
        if (pending->open.empty() || !mailbox::is_waiting(pending->request))
            pending = pending_.erase(pending);
        else
            ++pending;
    }
}

void ReaderRequests::refuse_all()
{
    for (const PendingRequest &pending : pending_)
        mailbox::answer(pending.request, {mailbox::Answer::no_manager, InvalidOid});
    pending_.clear();
}

Ids ReaderRequests::wanted() const
{
    Ids wanted;
    for (const PendingRequest &pending : pending_)
        for (Id id : pending.request.relids)
            if (pending.open.count(id) != 0 && std::find(wanted.begin(), wanted.end(), id) == wanted.end())
                wanted.push_back(id);
    return wanted;
}

TimestampTz ReaderRequests::wanted_since(Id id) const
{
    for (const PendingRequest &pending : pending_)
        if (pending.open.count(id) != 0)
            return pending.came_at;
    return DT_NOEND;
}

void ReaderRequests::publish_serving_processes() const
{
    for (const PendingRequest &pending : pending_) {
        std::set<int> pids;
        for (Id id : pending.open) {
            Ids involved = definitions_.graph().upstreams(id);
            involved.push_back(id);
            for (Id other : involved)
                if (const RunningJob *job = jobs_.job_occupying(other))
                    pids.insert(pool_.pid_of(job->worker));
        }
        pids.erase(0);
        mailbox::publish_workers(pending.request, std::vector<int>(pids.begin(), pids.end()));
    }
}

} // namespace pgtrickle::worker
