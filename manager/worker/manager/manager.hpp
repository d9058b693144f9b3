/*
 * The manager of a database: ensures that its stream tables are refreshed when they are due, and at once when
 * a reader requests it. It only schedules; refresh workers refresh.
 *
 *   wake up ─► requests ─► results of jobs ─► definitions changed? read ─► holds ─► idle tasks whose sources
 *   have changed ─► answers ─► alerts ─► jobs for requests, then for due tasks ─► sleep until the first due
 *   time, a request, a result, or a commit
 *
 * Owns the objects that do this, and runs the loop that calls them; it is the only one that knows all of
 * them. An object may use the objects before it.
 *
 *   Definitions        the known graph                      HoldTracker        holds
 *   Tasks              due times, tasks to be checked       BatchPlanner       what is refreshed together
 *   Upkeep             logs that need trimming              StaleAlerts        alerts of stale stream tables
 *   CatalogProjection  what the catalog shows               RunningJobs        jobs that run now
 *   ReaderRequests     readers that wait                    JobResults         from results back to these
 *   Pool               the workers                          Dispatcher         from tasks, requests to jobs
 *
 * While nothing changes the manager runs no SQL, holds no snapshot and does not wake up. One process, C++
 * frames.
 */
#pragma once

#include "worker/manager/batch_planner.hpp"
#include "worker/manager/catalog_projection.hpp"
#include "worker/manager/definitions.hpp"
#include "worker/manager/dispatcher.hpp"
#include "worker/manager/hold_tracker.hpp"
#include "worker/manager/job_results.hpp"
#include "worker/manager/reader_requests.hpp"
#include "worker/manager/running_jobs.hpp"
#include "worker/manager/stale_alerts.hpp"
#include "worker/manager/tasks.hpp"
#include "worker/manager/upkeep.hpp"
#include "worker/pool.hpp"

namespace pgtrickle::worker {

class Manager {
  public:
    explicit Manager(uint64_t settings_changes) : definitions_(settings_changes) {} /* see Definitions */
    Manager(const Manager &) = delete;
    Manager &operator=(const Manager &) = delete;

    /* Runs until the manager is asked to exit or has nothing to manage. */
    void run();

  private:
    void cycle();
    void read_definitions_if_due();
    void read_definitions();
    void check_tasks();
    void forget_pauses(TimestampTz now);
    long sleep_ms() const;
    bool is_over() const;

    Definitions definitions_;
    Tasks tasks_{definitions_};
    HoldTracker holds_{definitions_, tasks_};
    BatchPlanner planner_{definitions_, tasks_};
    Upkeep upkeep_{definitions_, tasks_};
    StaleAlerts stale_alerts_{definitions_, tasks_};
    CatalogProjection projection_{definitions_, tasks_};
    Pool pool_;
    RunningJobs jobs_;
    ReaderRequests requests_{definitions_, tasks_, holds_, planner_, jobs_, pool_};
    JobResults results_{definitions_, tasks_, holds_, upkeep_, projection_, requests_, jobs_};
    Dispatcher dispatcher_{definitions_, tasks_, planner_, upkeep_, requests_, results_, jobs_, pool_};
    bool is_marked_after_absence_ = false;
    bool has_nothing_ = false; /* no extension, or neither a stream table nor a captured source */
};

} // namespace pgtrickle::worker
