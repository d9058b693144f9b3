#include "worker/refresher/code_of_owners.hpp"

#include "scheduler/worker_affinity.hpp"

namespace pgtrickle::worker {

namespace {

uint32_t mark = 0;

} // namespace

bool takes_code_of(const scheduler::Job &job)
{
    scheduler::Ids owners;
    for (const scheduler::Involved &item : job.involved)
        if (item.role != scheduler::Involved::Role::upstream)
            owners.push_back(item.owner);
    if (owners.empty())
        return true;
    const uint32_t wanted = scheduler::mark_of(owners);
    if (mark == 0)
        mark = wanted;
    return mark == wanted;
}

uint32_t mark_of_process()
{
    return mark;
}

} // namespace pgtrickle::worker
