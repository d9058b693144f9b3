#include "worker/refresher/code_of_owners.hpp"

#include "pg/rights.hpp"
#include "scheduler/worker_affinity.hpp"

#include <utility>

namespace pgtrickle::worker {

bool takes_code_of(const scheduler::Job &job)
{
    scheduler::Ids owners;
    for (const scheduler::Involved &item : job.involved)
        if (item.role != scheduler::Involved::Role::upstream)
            owners.push_back(item.owner);
    return owners.empty() || ServedOwner::serve(std::move(owners));
}

uint32_t mark_of_process()
{
    return ServedOwner::all().empty() ? 0 : scheduler::mark_of(ServedOwner::all());
}

} // namespace pgtrickle::worker
