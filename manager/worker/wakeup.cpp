#include "worker/wakeup.hpp"

#include "pg/boundary.hpp"

extern "C" {
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/latch.h"
#include "storage/sinval.h"
#include "utils/guc.h"
}

#include <utility>

namespace pgtrickle::worker {

void receive_signals(pqsigfunc end)
{
    pqsignal(SIGTERM, end);
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    ConfigReloadPending = true;
    BackgroundWorkerUnblockSignals();
}

bool wake_up()
{
    ResetLatch(MyLatch);
    QueryCancelPending = false; /* there is no statement to cancel */
    CHECK_FOR_INTERRUPTS();
    if (catchupInterruptPending)
        ProcessCatchupInterrupt();
    if (!std::exchange(ConfigReloadPending, false))
        return false;
    ProcessConfigFile(PGC_SIGHUP);
    return true;
}

} // namespace pgtrickle::worker
