#include "worker/manager/debug_log.hpp"

#include "worker/manager/definitions.hpp"

extern "C" {
#include "utils/timestamp.h"
}

namespace pgtrickle::worker {

namespace {

using scheduler::Involved;

bool is_logged(int level)
{
    return message_level_is_interesting(level);
}

void write(int level, const std::string &text)
{
    call([&] { ereport(level, (errmsg_internal("%s", text.c_str()), errhidestmt(true))); });
}

std::string name_of(const Known &known)
{
    return known.schema_name + "." + known.name;
}

std::string names_of(const scheduler::Job &job, Involved::Role role)
{
    std::string names;
    for (const Involved &item : job.involved)
        if (item.role == role)
            names += (names.empty() ? "" : ", ") + item.schema_name + "." + item.name;
    return names;
}

} // namespace

void log_begin(const scheduler::Job &job, int pid)
{
    if (!is_logged(DEBUG1))
        return;
    std::string who = pid != 0 ? "process " + std::to_string(pid) : "the manager itself";
    if (job.kind == scheduler::Job::Kind::upkeep)
        return write(DEBUG1, who + " does the upkeep");
    bool is_asked = job.requested_by == scheduler::RequestedBy::reader;
    std::string text = who + " refreshes " + (is_asked ? "on request of a reader: " : "due stream tables: ") +
                       names_of(job, Involved::Role::requested);
    std::string along = names_of(job, Involved::Role::optional);
    write(DEBUG1, along.empty() ? text : text + "; together with " + along);
}

void log_put_off(const Known &known, const Known &upstream, int64_t until)
{
    if (!is_logged(DEBUG2))
        return;
    const char *time = call([=] { return timestamptz_to_str(until); });
    write(DEBUG2, name_of(known) + " is due, and waits until " + time + " for " + name_of(upstream) +
                      ", whose refresh has failed");
}

void log_retry(const Known &known, scheduler::MemberVerdict verdict)
{
    if (!is_logged(DEBUG1))
        return;
    const char *why = verdict == scheduler::MemberVerdict::failed   ? "its refresh has failed"
                      : verdict == scheduler::MemberVerdict::behind ? "a refresh in the same atomic set has failed"
                                                                    : "the stream table or one that it reads is locked";
    write(DEBUG1, name_of(known) + " will be retried: " + why);
}

} // namespace pgtrickle::worker
