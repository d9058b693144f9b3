#include "refresh/run/counting_receiver.hpp"

extern "C" {
#include "utils/plancache.h"
#include "utils/resowner.h"
}

namespace pgtrickle::refresh {

namespace {

struct CountingReceiver {
    DestReceiver receiver; /* must be first */
    DestReceiver *next;
    mailbox::Progress *progress;
};

CountingReceiver *counting_of(DestReceiver *receiver)
{
    return reinterpret_cast<CountingReceiver *>(receiver);
}

extern "C" bool count_row(TupleTableSlot *slot, DestReceiver *receiver)
{
    CountingReceiver *counting = counting_of(receiver);
    counting->progress->count();
    return counting->next->receiveSlot(slot, counting->next);
}

extern "C" void start_counting(DestReceiver *receiver, int operation, TupleDesc type)
{
    DestReceiver *next = counting_of(receiver)->next;
    next->rStartup(next, operation, type);
}

extern "C" void end_counting(DestReceiver *receiver)
{
    DestReceiver *next = counting_of(receiver)->next;
    next->rShutdown(next);
}

extern "C" void destroy_counting(DestReceiver *receiver)
{
    DestReceiver *next = counting_of(receiver)->next;
    next->rDestroy(next);
}

} // namespace

DestReceiver *begin_counting(DestReceiver *next, mailbox::Progress *progress)
{
    auto *counting = static_cast<CountingReceiver *>(palloc0(sizeof(CountingReceiver)));
    counting->receiver = {count_row, start_counting, end_counting, destroy_counting, next->mydest};
    counting->next = next;
    counting->progress = progress;
    return &counting->receiver;
}

double expected_rows(const KeptPlan &plan)
{
    const Plan *tree = plan.statement()->planTree;
    return tree != nullptr ? tree->plan_rows : 0;
}

} // namespace pgtrickle::refresh
