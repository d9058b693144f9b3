#include "worker/refresher/attempt.hpp"

#include "mailbox/kept_attempts.hpp"
#include "mailbox/manager_side.hpp"
#include "mailbox/process_end.hpp"
#include "pg/rights.hpp"
#include "worker/refresher/refresher.hpp"

extern "C" {
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
}

#include <algorithm>
#include <csignal>

namespace pgtrickle::worker {

using scheduler::Ids;
using scheduler::Involved;
using scheduler::MemberVerdict;
using scheduler::ProcessEnd;

namespace {

const Attempt *under_way = nullptr;
volatile sig_atomic_t is_asked_to_end = 0;

extern "C" void pgtrickle_note_process_end(int, Datum)
{
    if (under_way != nullptr && is_asked_to_end == 0)
        under_way->note_process_end();
    mailbox::drop_kept_attempt();
}

/* Another process has crashed, or the server is shut down immediately. */
extern "C" void pgtrickle_quit_process(int signal)
{
    mailbox::drop_kept_attempt();
    SignalHandlerForCrashExit(signal);
}

/* The server's log has the error that ended the process. */
TransactionFailure failure_of_ended()
{
    TransactionFailure failure;
    failure.sqlstate = ERRCODE_EXTERNAL_ROUTINE_EXCEPTION;
    failure.message = "the refresh ended its process, see the server log";
    return failure;
}

} // namespace

extern "C" void pgtrickle_end_process(int signal)
{
    is_asked_to_end = 1;
    die(signal);
}

void prepare_attempts()
{
    prepare_time_limits();
    before_shmem_exit(pgtrickle_note_process_end, 0);
    pqsignal(SIGQUIT, pgtrickle_quit_process);
}

Attempt::Attempt(const Ids &members, Blame blame) : members_(members), blame_(blame)
{
    under_way = this;
    mailbox::publish_attempt(members.front(), static_cast<int>(members.size()));
    mailbox::keep_attempt(members.data(), count(), ServedOwner::owner(), how(ProcessEnd::by_code));
}

int Attempt::count() const noexcept
{
    return static_cast<int>(members_.size());
}

ProcessEnd Attempt::how(ProcessEnd of_one) const noexcept
{
    switch (blame_) {
    case Blame::one: return ProcessEnd::of_several;
    case Blame::move: return ProcessEnd::by_move;
    case Blame::each: break;
    }
    return of_one;
}

void Attempt::note_process_end() const noexcept
{
    mailbox::note_process_end(members_.data(), count(), ServedOwner::owner(),
                              how(has_exceeded_limit() ? ProcessEnd::by_limit : ProcessEnd::by_code));
}

Attempt::~Attempt()
{
    under_way = nullptr;
    mailbox::drop_kept_attempt();
    mailbox::publish_attempt(InvalidOid, 0);
}

/* The lowest limit of all members. */
TimeLimit Refresher::time_limit(const Ids &members) const
{
    TimeLimit limit = process_ == Process::manager ? TimeLimit::of_manager(attempts_) : TimeLimit::of_server();
    for (scheduler::Id member : members)
        limit.tighten(involved_.at(member)->refresh_timeout_ms);
    return limit;
}

/* Counts a failure for each member whose process ended in its last job, and excludes these members. */
void Refresher::exclude_ended(Ids &members)
{
    std::vector<const Involved *> ended;
    for (const Involved &item : job_.involved)
        if ((item.process_end == ProcessEnd::by_code || item.process_end == ProcessEnd::by_limit) &&
            std::ranges::find(members, item.id) != members.end())
            ended.push_back(&item);
    for (const Involved *item : ended) {
        set_verdict(item->id, MemberVerdict::failed);
        exclude(item->id, members);
    }
    for (const Involved *item : ended) {
        set_verdict(item->id, MemberVerdict::failed);
        note_failure(*item,
                     item->process_end == ProcessEnd::by_limit ? time_limit({item->id}).failure_of_terminated()
                                                               : failure_of_ended(),
                     GetCurrentTimestamp());
    }
}

void Refresher::refresh_all(Ids members)
{
    exclude_ended(members);
    const bool is_alone = std::any_of(members.begin(), members.end(), [&](scheduler::Id member) {
        return find(member)->process_end == ProcessEnd::of_several;
    });
    if (is_alone && members.size() > 1)
        refresh_separately(std::move(members));
    else
        refresh_together(std::move(members));
}

} // namespace pgtrickle::worker
