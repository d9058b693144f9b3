#include "fdw/read/session/running_statements.hpp"

#include "pg/context.hpp"

namespace pgtrickle {

namespace {

struct Running {
    const QueryDesc *query;
    int nest_level; /* of transactions, when the statement began to run */
};

SessionStack<Running> running;

} // namespace

int begin_running(const QueryDesc *query)
{
    running.push({query, GetCurrentTransactionNestLevel()});
    return running.count - 1;
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
