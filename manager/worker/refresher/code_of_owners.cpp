#include "worker/refresher/code_of_owners.hpp"

#include "pg/rights.hpp"

#include <algorithm>

namespace pgtrickle::worker {

bool takes_code_of(const scheduler::Job &job)
{
    return std::all_of(job.involved.begin(), job.involved.end(), [](const scheduler::Involved &item) {
        return item.role == scheduler::Involved::Role::upstream || ServedOwner::serve(item.owner);
    });
}

} // namespace pgtrickle::worker
