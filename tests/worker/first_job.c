/*
 * To be preloaded into a server: a manager that has started a refresh worker goes on when the worker waits for its
 * first job, and does not wake it. So it is where the manager reads that the worker has not attached its queue, and is
 * interrupted before it puts the job into the queue.
 */
#define _GNU_SOURCE
#include "postgres.h"

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/proc.h"
#include "storage/procarray.h"

#include <dlfcn.h>
#include <signal.h>
#include <unistd.h>

static bool is_silent = false;

/* Programs other than the server have no such symbol, and load the library as well. */
#define OF_SERVER(symbol) ((__typeof__(&symbol))dlsym(RTLD_DEFAULT, #symbol))

static bool is_manager(void)
{
    BackgroundWorker **entry = OF_SERVER(MyBgworkerEntry);
    return entry != NULL && *entry != NULL && strcmp((*entry)->bgw_type, "pg_trickle manager") == 0;
}

int kill(pid_t pid, int signal_number)
{
    int (*next)(pid_t, int) = (int (*)(pid_t, int))dlsym(RTLD_NEXT, "kill");
    if (is_manager()) {
        if (signal_number == SIGUSR1 && pid == *OF_SERVER(PostmasterPid)) { /* start a process */
            int result = next(pid, signal_number);
            for (int i = 0; i < 100; i++) /* signals end usleep() */
                usleep(10000);
            is_silent = true;
            return result;
        }
        if (signal_number == SIGURG && is_silent) {
            is_silent = false;
            PGPROC *worker = OF_SERVER(BackendPidGetProc)(pid);
            if (worker != NULL) {
                worker->procLatch.is_set = false;
                return 0;
            }
        }
    }
    return next(pid, signal_number);
}
