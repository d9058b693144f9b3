#include "fdw/read/session/running_statements.hpp"

extern "C" {
#include "utils/memutils.h"
}

namespace pgtrickle {

namespace {

struct Running {
    const QueryDesc *query;
    int nest_level; /* of transactions, when the statement began to run */
};

Running *running = nullptr;
int running_count = 0;
int running_size = 0;

} // namespace

int begin_running(const QueryDesc *query)
{
    if (running_count == running_size) {
        int size = running_size == 0 ? 64 : running_size * 2;
        auto *larger = static_cast<Running *>(MemoryContextAlloc(TopMemoryContext, sizeof(Running) * size));
        if (running != nullptr) {
            memcpy(larger, running, sizeof(Running) * running_count);
            pfree(running);
        }
        running = larger;
        running_size = size;
    }
    running[running_count] = {query, GetCurrentTransactionNestLevel()};
    return running_count++;
}

void end_running_from(int position)
{
    running_count = position;
}

int running_depth()
{
    return running_count;
}

const QueryDesc *outermost_running_under(Snapshot snapshot)
{
    for (int i = 0; i < running_count; i++)
        if (running[i].query->snapshot == snapshot)
            return running[i].query;
    return nullptr;
}

const QueryDesc *outermost_running()
{
    return running_count > 0 ? running[0].query : nullptr;
}

void end_running(XactEvent event)
{
    if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PARALLEL_ABORT)
        running_count = 0;
}

void end_running_of(SubXactEvent event, SubTransactionId, SubTransactionId)
{
    if (event != SUBXACT_EVENT_ABORT_SUB)
        return;
    while (running_count > 0 && running[running_count - 1].nest_level >= GetCurrentTransactionNestLevel())
        running_count--;
}

} // namespace pgtrickle
