#include "scheduler/worker_affinity.hpp"

#include <algorithm>

namespace pgtrickle::scheduler {

namespace {

/* The idle worker that has worked last, so that the others become idle for long enough to exit. */
const WorkerStatus *idle_one(const std::vector<WorkerStatus> &workers)
{
    const WorkerStatus *chosen = nullptr;
    for (const WorkerStatus &worker : workers)
        if (!worker.is_busy && (chosen == nullptr || worker.since > chosen->since))
            chosen = &worker;
    return chosen;
}

/* The busy worker that began its job last: the best guess at which one will be free first. */
const WorkerStatus *latest_to_begin(const std::vector<WorkerStatus> &workers)
{
    auto latest =
        std::max_element(workers.begin(), workers.end(),
                         [](const WorkerStatus &one, const WorkerStatus &other) { return one.since < other.since; });
    return latest == workers.end() ? nullptr : &*latest;
}

} // namespace

Assignment assign(const std::vector<WorkerStatus> &workers, int preferred_worker, Microseconds wanted_since,
                  Microseconds now)
{
    auto own = std::find_if(workers.begin(), workers.end(),
                            [=](const WorkerStatus &worker) { return worker.number == preferred_worker; });
    const WorkerStatus *idle = own != workers.end() && !own->is_busy ? &*own : idle_one(workers);
    const bool has_preferred = own != workers.end();
    if (idle != nullptr && (!has_preferred || idle->number == preferred_worker))
        return {Assignment::To::worker, idle->number};
    if (const WorkerStatus *awaited = has_preferred ? &*own : latest_to_begin(workers)) {
        Microseconds until = std::min(std::min(wanted_since, now) + time_limit_us, awaited->since + long_job_us);
        if (awaited->since <= now && now < until)
            return {Assignment::To::later, 0, until};
    }
    if (idle != nullptr)
        return {Assignment::To::worker, idle->number};
    return {Assignment::To::another};
}

} // namespace pgtrickle::scheduler
