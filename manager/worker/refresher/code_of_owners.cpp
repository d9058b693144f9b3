#include "worker/refresher/code_of_owners.hpp"

#include "refresh/interpreted_code.hpp"
#include "scheduler/worker_affinity.hpp"
#include "worker/transaction.hpp"

extern "C" {
#include "storage/sinval.h"
}

#include <algorithm>
#include <map>

namespace pgtrickle::worker {

namespace {

using scheduler::Id;
using scheduler::Involved;

uint32_t mark = 0;

struct Answer {
    uint64 invalidations; /* SharedInvalidMessageCounter when it was found */
    bool runs_code;
};

/* In a transaction. */
bool runs_code(Id id)
{
    static std::map<Id, Answer> *known = nullptr;
    if (known == nullptr)
        known = new std::map<Id, Answer>;
    const uint64 invalidations = SharedInvalidMessageCounter;
    const auto found = known->find(id);
    if (found != known->end() && found->second.invalidations == invalidations)
        return found->second.runs_code;
    const bool answer = refresh::runs_interpreted_code(id);
    (*known)[id] = {invalidations, answer};
    return answer;
}

} // namespace

bool takes_code_of(const scheduler::Job &job)
{
    scheduler::Ids members, owners;
    for (const Involved &item : job.involved)
        if (item.role != Involved::Role::upstream) {
            members.push_back(item.id);
            owners.push_back(item.owner);
        }
    const uint32_t wanted = scheduler::mark_of(owners);
    if (members.empty() || wanted == mark)
        return true;
    bool is_any = false;
    const bool has_failed =
        in_transaction([&] { is_any = std::any_of(members.begin(), members.end(), runs_code); }).has_value();
    if (!is_any && !has_failed)
        return true;
    if (mark != 0)
        return false;
    mark = wanted;
    return true;
}

uint32_t mark_of_process()
{
    return mark;
}

} // namespace pgtrickle::worker
