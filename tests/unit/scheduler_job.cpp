#include "scheduler/job.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

using namespace pgtrickle::scheduler;

namespace {

Job sample_job()
{
    Job job;
    job.kind = Job::Kind::upkeep;
    job.requested_by = RequestedBy::reader;
    job.no_lock_wait = true;
    job.is_prune_due = job.is_of_all = true;
    job.retention_days = 7;
    job.history_count_due = INT64_MAX - 1;
    job.slots = {0, 16383};
    job.atomic_sets.add({7, 4000000000u});
    job.groups = {{7, 8}, {}, {9}};
    for (Id id : {7u, 4000000000u}) {
        Involved involved;
        involved.id = id;
        involved.role = Involved::Role::optional;
        involved.is_time_dependent = involved.is_program_written = true;
        involved.process_end = ProcessEnd::of_several;
        involved.refresh_timeout_ms = -1;
        involved.failures = 2;
        involved.retries = 3;
        involved.owner = 16384;
        involved.generation = INT64_MIN;
        involved.schema_name = std::string("with\0nul", 8);
        involved.name = std::string(100000, 'x');
        involved.sources = {1, 2, id};
        job.involved.push_back(involved);
    }
    return job;
}

JobResult sample_result()
{
    JobResult result;
    result.members.push_back({9, MemberVerdict::behind, true, true, true, 3, 4, 1234567890123, INT64_MAX});
    result.took_us = 77;
    result.untrimmed = {4, 5};
    result.unexamined = {8};
    result.held_back = {6};
    result.was_interrupted = result.has_unpruned = true;
    result.history_count_due = 70000;
    result.is_catalog_new = result.is_outdated = true;
    return result;
}

TEST(Job, is_read_as_it_was_written)
{
    EXPECT_EQ(job_of(to_bytes(sample_job())), sample_job());
    EXPECT_EQ(job_of(to_bytes(Job{})), Job{});
}

TEST(Job, result_is_read_as_it_was_written)
{
    EXPECT_EQ(job_result_of(to_bytes(sample_result())), sample_result());
    EXPECT_EQ(job_result_of(to_bytes(JobResult{})), JobResult{});
}

TEST(Job, differs_where_one_member_differs)
{
    Job other = sample_job();
    other.involved.back().sources.pop_back();
    EXPECT_NE(job_of(to_bytes(other)), sample_job());
}

TEST(Job, cut_off_at_any_byte_is_refused)
{
    Job job = sample_job();
    for (Involved &involved : job.involved)
        involved.name = "short";
    std::string bytes = to_bytes(job);
    for (size_t size = 0; size < bytes.size(); size++)
        EXPECT_THROW(job_of(std::string_view(bytes).substr(0, size)), std::runtime_error) << size;
    EXPECT_THROW(job_of(bytes + '\0'), std::runtime_error);
}

TEST(Job, is_not_taken_for_a_result)
{
    EXPECT_THROW(job_result_of(to_bytes(sample_job())), std::runtime_error);
    EXPECT_THROW(job_of(to_bytes(sample_result())), std::runtime_error);
}

} // namespace
