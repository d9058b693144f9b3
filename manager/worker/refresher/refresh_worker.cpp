/*
 * A refresh worker: runs the jobs that its manager sends, one after the other, and exits when the manager has
 * gone or no longer needs it. Its programs stay compiled between jobs.
 */
#include "definition/guc.hpp"
#include "mailbox/manager_side.hpp"
#include "pg/database_settings.hpp"
#include "pg/rights.hpp"
#include "worker/queues.hpp"
#include "worker/refresher/attempt.hpp"
#include "worker/refresher/code_of_owners.hpp"
#include "worker/refresher/refresher.hpp"
#include "worker/wakeup.hpp"
#include "worker/worker.hpp"

extern "C" {
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
}

extern "C" {
PGDLLEXPORT void pgtrickle_refresh_worker_main(Datum argument);
}

namespace pgtrickle::worker {

namespace {

class RefreshWorker {
  public:
    RefreshWorker(shm_mq_handle *jobs, shm_mq_handle *results, WorkerReport *words)
        : jobs_(jobs), results_(results), words_(words)
    {
    }
    void run();

  private:
    std::optional<std::string> receive();
    bool send(const std::string &bytes);

    shm_mq_handle *jobs_;
    shm_mq_handle *results_;
    WorkerReport *words_;
    long report_ms_ = 0; /* time until statistics must be reported; 0: there are none */
};

/* The next job; nothing when there will be no more. */
std::optional<std::string> RefreshWorker::receive()
{
    for (;;) {
        Size size = 0;
        void *data = nullptr;
        (void)call([] { return wake_up(); });
        if (mailbox::is_asked_to_exit())
            return std::nullopt;
        shm_mq_result received = call([&] { return shm_mq_receive(jobs_, &size, &data, true); });
        if (received == SHM_MQ_SUCCESS)
            return std::string(static_cast<char *>(data), size);
        if (received == SHM_MQ_DETACHED)
            return std::nullopt;
        const int events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | (report_ms_ > 0 ? WL_TIMEOUT : 0);
        const long report_ms = report_ms_;
        int happened = call([=] { return WaitLatch(MyLatch, events, report_ms, PG_WAIT_EXTENSION); });
        if ((happened & WL_TIMEOUT) != 0) {
            call([] { pgstat_report_stat(true); });
            report_ms_ = 0;
        }
    }
}

bool RefreshWorker::send(const std::string &bytes)
{
    return call([&] { return shm_mq_send(results_, bytes.size(), bytes.data(), false, true); }) == SHM_MQ_SUCCESS;
}

void RefreshWorker::run()
{
    call([] { pgstat_report_activity(STATE_IDLE, nullptr); });
    while (std::optional<std::string> bytes = receive()) {
        scheduler::Job job = scheduler::job_of(*bytes);
        if (!takes_code_of(job)) {
            words_->has_declined = 1;
            return;
        }
        words_->owner = ServedOwner::owner();
        Refresher refresher(job, Refresher::Process::worker);
        const std::string result = scheduler::to_bytes(refresher.run());
        const bool is_placing = refresher.has_rows_to_place();
        if (!send((is_placing ? result_before_placing : last_result) + result))
            return;
        if (is_placing) {
            refresher.place_rows();
            if (!send({has_placed}))
                return;
        }
        report_ms_ = call([] { return pgstat_report_stat(false); });
    }
}

/* Attaches to both queues of the segment; false if the manager is gone. A PostgreSQL frame. */
bool attach(dsm_handle handle, shm_mq_handle **jobs, shm_mq_handle **results, WorkerReport **words)
{
    MemoryContext before = MemoryContextSwitchTo(TopMemoryContext);
    dsm_segment *segment = dsm_attach(handle);
    if (segment != nullptr) {
        shm_mq_set_receiver(job_queue(segment), MyProc);
        shm_mq_set_sender(result_queue(segment), MyProc);
        *jobs = shm_mq_attach(job_queue(segment), segment, nullptr);
        *results = shm_mq_attach(result_queue(segment), segment, nullptr);
        *words = last_words(segment);
    }
    MemoryContextSwitchTo(before);
    return segment != nullptr;
}

} // namespace

/* Independent of the server's and the database's defaults: with a snapshot older than its locks, a refresh could never
 * state that a stream table is fresh; a failed refresh is an error; and from PostgreSQL 17 on, the limit of a
 * transaction ends the process. A role that the database gives to all sessions is not the user of a worker: it lacks
 * the privileges of the superuser as which the worker logs in. */
void connect_to(Oid database)
{
    keep_values_of_server();
    BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
    SetConfigOption("role", "none", PGC_SUSET, PGC_S_OVERRIDE);
    SetConfigOption("default_transaction_isolation", "read committed", PGC_SUSET, PGC_S_OVERRIDE);
    SetConfigOption("exit_on_error", "off", PGC_SUSET, PGC_S_OVERRIDE);
    if (GetConfigOption("transaction_timeout", true, false) != nullptr)
        SetConfigOption("transaction_timeout", "0", PGC_SUSET, PGC_S_OVERRIDE);
}

} // namespace pgtrickle::worker

extern "C" void pgtrickle_refresh_worker_main(Datum argument)
{
    using namespace pgtrickle;
    worker::WorkerStart start;
    memcpy(&start, MyBgworkerEntry->bgw_extra, sizeof(start));
    worker::receive_signals(worker::pgtrickle_end_process);
    /* Before it connects: a worker that is not registered must not delay a DROP DATABASE. */
    if (!mailbox::become_worker({start.slot, start.generation}))
        proc_exit(0);
    shm_mq_handle *jobs, *results;
    worker::WorkerReport *words;
    if (!worker::attach(DatumGetUInt32(argument), &jobs, &results, &words))
        proc_exit(0);
    worker::connect_to(start.database);
    pgstat_report_appname("pg_trickle refresh worker");
    worker::prepare_attempts();
    enter([&] {
        worker::RefreshWorker worker(jobs, results, words);
        worker.run();
    });
    proc_exit(0);
}
