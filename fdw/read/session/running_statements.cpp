#include "fdw/read/session/running_statements.hpp"

#include "pg/context.hpp"

extern "C" {
#include "utils/timestamp.h"
}

namespace pgtrickle {

namespace {

struct Running {
    const QueryDesc *query;
    int nest_level; /* of transactions, when the statement began to run */
    TimestampTz since;
};

SessionStack<Running> running;

/* The statement that has started last, which mostly runs next. */
struct Started {
    const QueryDesc *query;
    TimestampTz at;
};
Started &last_started()
{
    static Started started = {nullptr, 0};
    return started;
}

int push(const QueryDesc *query, TimestampTz since)
{
    running.push({query, GetCurrentTransactionNestLevel(), since});
    return running.count - 1;
}

} // namespace

int begin_starting(const QueryDesc *query)
{
    last_started() = {query, GetCurrentTimestamp()};
    return push(query, last_started().at);
}

int begin_running(const QueryDesc *query)
{
    return push(query, last_started().query == query ? last_started().at : GetCurrentTimestamp());
}

TimestampTz running_since(const QueryDesc *query)
{
    for (int i = 0; i < running.count; i++)
        if (running.items[i].query == query)
            return running.items[i].since;
    return GetCurrentTimestamp();
}

void end_running_from(int position)
{
    running.count = position;
}

int running_depth()
{
    return running.count;
}

NotedBy noted_by_starting()
{
    return {GetCurrentTransactionNestLevel(), running_depth()};
}

const QueryDesc *outermost_running_under(Snapshot snapshot)
{
    for (int i = 0; i < running.count; i++)
        if (running.items[i].query->snapshot == snapshot)
            return running.items[i].query;
    return nullptr;
}

const QueryDesc *outermost_running()
{
    return running.count > 0 ? running.items[0].query : nullptr;
}

void end_running(XactEvent event)
{
    if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PARALLEL_ABORT)
        running.count = 0;
}

void end_running_of(SubXactEvent event, SubTransactionId, SubTransactionId)
{
    if (event != SUBXACT_EVENT_ABORT_SUB)
        return;
    while (running.count > 0 && running.items[running.count - 1].nest_level >= GetCurrentTransactionNestLevel())
        running.count--;
}

} // namespace pgtrickle
