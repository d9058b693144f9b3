#include "worker/manager/running_jobs.hpp"

#include <algorithm>

namespace pgtrickle::worker {

using scheduler::Id;
using scheduler::Ids;

namespace {

constexpr TimestampTz wait_to_leave_us = 5'000'000;

} // namespace

const RunningJob &RunningJobs::add(RunningJob job)
{
    job.number = ++last_number_;
    for (Id id : job.occupied)
        busy_[id] = job.number;
    return jobs_.emplace_back(std::move(job));
}

void RunningJobs::remove(uint64_t number)
{
    std::erase_if(busy_, [=](const auto &busy) { return busy.second == number; });
    std::erase_if(jobs_, [=](const RunningJob &job) { return job.number == number; });
}

const RunningJob *RunningJobs::job_of_worker(int worker) const
{
    auto found = std::find_if(jobs_.begin(), jobs_.end(), [=](const RunningJob &job) { return job.worker == worker; });
    return found == jobs_.end() ? nullptr : &*found;
}

const RunningJob *RunningJobs::job_occupying(Id id) const
{
    auto busy = busy_.find(id);
    if (busy == busy_.end())
        return nullptr;
    auto found = std::find_if(jobs_.begin(), jobs_.end(),
                              [number = busy->second](const RunningJob &job) { return job.number == number; });
    return found == jobs_.end() ? nullptr : &*found;
}

bool RunningJobs::is_busy(const Ids &ids) const
{
    return std::any_of(ids.begin(), ids.end(), [&](Id id) { return is_busy(id); });
}

bool RunningJobs::is_waiting_for_locks() const
{
    return std::any_of(jobs_.begin(), jobs_.end(), [](const RunningJob &job) { return job.waits_for_locks; });
}

bool RunningJobs::has_long_job(TimestampTz now) const
{
    return std::any_of(jobs_.begin(), jobs_.end(), [=](const RunningJob &job) {
        return now >= job.began_at + wait_to_leave_us || now < job.began_at;
    });
}

TimestampTz RunningJobs::long_job_at() const
{
    TimestampTz first = DT_NOEND;
    for (const RunningJob &job : jobs_)
        first = std::min(first, job.began_at + wait_to_leave_us);
    return first;
}

} // namespace pgtrickle::worker
