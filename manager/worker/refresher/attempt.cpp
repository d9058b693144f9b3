#include "worker/refresher/attempt.hpp"

#include "mailbox/manager_side.hpp"
#include "mailbox/process_end.hpp"
#include "pg/rights.hpp"
#include "worker/refresher/refresher.hpp"

extern "C" {
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
}

#include <algorithm>
#include <csignal>

namespace pgtrickle::worker {

using scheduler::Ids;
using scheduler::Involved;
using scheduler::MemberVerdict;

namespace {

const Ids *under_way = nullptr; /* the members of the attempt; null: there is none */
volatile sig_atomic_t is_asked_to_end = 0;

extern "C" void pgtrickle_note_process_end(int, Datum)
{
    if (under_way == nullptr || is_asked_to_end != 0)
        return;
    mailbox::note_process_end(under_way->data(), static_cast<int>(under_way->size()), ServedOwner::owner(),
                              has_exceeded_limit() ? mailbox::ProcessEnd::by_limit : mailbox::ProcessEnd::by_code);
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
}

Attempt::Attempt(const Ids &members)
{
    under_way = &members;
    mailbox::publish_attempt(members.front(), static_cast<int>(members.size()));
}

Attempt::~Attempt()
{
    under_way = nullptr;
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

/* Counts a failure for each member whose process ended in its last job, and excludes that member. */
void Refresher::exclude_ended(Ids &members)
{
    for (const Involved &item : job_.involved) {
        if ((!item.has_overrun && !item.has_ended_process) ||
            std::find(members.begin(), members.end(), item.id) == members.end())
            continue;
        set_verdict(item.id, MemberVerdict::failed);
        note_failure(item, item.has_overrun ? time_limit({item.id}).failure_of_terminated() : failure_of_ended(),
                     GetCurrentTimestamp());
        exclude(item.id, members);
    }
}

void Refresher::refresh_all(Ids members)
{
    exclude_ended(members);
    const bool is_alone = std::any_of(members.begin(), members.end(),
                                      [&](scheduler::Id member) { return find(member)->is_refreshed_alone; });
    if (is_alone && members.size() > 1)
        refresh_separately(std::move(members));
    else
        refresh_together(std::move(members));
}

} // namespace pgtrickle::worker
