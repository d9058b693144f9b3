/*
 * Refreshes that take too long: their limit, and the failure of a refresh that could not be canceled, so that
 * its process was terminated. That process returned no result: the next job counts the failure, and does not
 * retry the refresh.
 */
#include "mailbox/manager_side.hpp"
#include "worker/queues.hpp"
#include "worker/refresher/refresher.hpp"

#include <algorithm>

namespace pgtrickle::worker {

using scheduler::Id;
using scheduler::Ids;
using scheduler::Involved;
using scheduler::MemberVerdict;

/* Records the refresh under way for health_check(), and for the manager in case this process is
 * terminated. */
void Refresher::publish_attempt(Id first, size_t count) const
{
    mailbox::publish_attempt(first, static_cast<int>(count));
    if (words_ == nullptr)
        return;
    words_->first_member.store(first);
    words_->member_count.store(static_cast<int32_t>(count));
}

/* The lowest limit of all members. */
TimeLimit Refresher::time_limit(const Ids &members) const
{
    TimeLimit limit = process_ == Process::manager ? TimeLimit::of_manager(attempts_) : TimeLimit::of_server();
    for (Id member : members)
        limit.tighten(involved_.at(member)->refresh_timeout_ms);
    return limit;
}

/* Counts a failure for each member whose process was terminated in its last job, and excludes that member. */
void Refresher::exclude_overrun(Ids &members)
{
    for (const Involved &item : job_.involved) {
        if (!item.has_overrun || std::find(members.begin(), members.end(), item.id) == members.end())
            continue;
        set_verdict(item.id, MemberVerdict::failed);
        note_failure(item, time_limit({item.id}).failure_of_terminated(), GetCurrentTimestamp());
        exclude(item.id, members);
    }
}

void Refresher::refresh_all(Ids members)
{
    exclude_overrun(members);
    const bool is_alone =
        std::any_of(members.begin(), members.end(), [&](Id member) { return find(member)->is_refreshed_alone; });
    if (is_alone && members.size() > 1)
        refresh_separately(std::move(members));
    else
        refresh_together(std::move(members));
}

} // namespace pgtrickle::worker
