/*
 * The manager of a database: refreshes its stream tables when they are due, and at once
 * when a reader asks.
 *
 *   wake up ─► definitions changed? load ─► requests ─► due ones, by groups ─► look which
 *   idle ones are dirty now ─► sleep until the first due time, a request, or a commit
 *
 * While nothing changes it runs no SQL, holds no snapshot and does not wake up. Each group
 * is refreshed in a transaction of its own; a failing member is counted, put off, and
 * in the end suspended, and never stops the others.
 *
 * One process, C++ frames; everything it keeps is here.
 */
#pragma once

#include "catalog/tables.hpp"
#include "mailbox/manager_side.hpp"
#include "refresh/refresh.hpp"
#include "scheduler/graph.hpp"
#include "scheduler/queue.hpp"
#include "worker/transaction.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace pgtrickle::worker {

/* What the manager keeps of a definition. */
struct Known {
    std::string schema_name;
    std::string name;
    std::string schedule_text;
    std::string status;
    scheduler::Schedule schedule;
    int64_t generation = 0;
    int refresh_timeout_ms = 0;
    bool is_program_written = false; /* to the catalog, of this generation */
    bool is_restless = false; /* another answer without a change: volatile functions, now() */
};

using Programs = std::map<scheduler::Id, std::vector<catalog::ProgramStatement>>;

enum class Initiator { scheduler, reader };

/* How a stream table fared in an attempt to refresh it. */
enum class Verdict { refreshed, failed, behind, locked };

class Manager {
  public:
    /* Until it is asked to exit or has nothing to do. */
    void run();

  private:
    /* manager.cpp */
    void cycle();
    void handle_requests();
    void refresh_due();
    scheduler::Ids with_companions(const scheduler::Ids &due);
    void watch_idle();
    long sleep_ms();

    /* definitions.cpp */
    bool load_definitions();
    void project_definitions();
    void set_task(scheduler::Id relid, const struct LoadedState &state);

    /* refreshing.cpp */
    std::map<scheduler::Id, Verdict> refresh(const scheduler::Ids &wanted, Initiator initiator);
    void refresh_group(scheduler::Ids members, Initiator initiator, std::map<scheduler::Id, Verdict> *verdicts);
    void refresh_alone(scheduler::Ids members, Initiator initiator, std::map<scheduler::Id, Verdict> *verdicts);
    void leave_out(scheduler::Id failed, scheduler::Ids &members, std::map<scheduler::Id, Verdict> *verdicts);
    std::optional<Failure> attempt(const scheduler::Ids &members, Initiator initiator, Oid *locked);
    scheduler::Ids without_busy_companions(const scheduler::Ids &members, const scheduler::Ids &wanted);
    Programs unwritten_programs(const std::vector<refresh::Outcome> &outcomes);
    void write_programs(const Programs &programs);
    void note_success(scheduler::Id relid, TimestampTz started_at);

    /* failing.cpp */
    void note_failure(scheduler::Id relid, const Failure &failure, Initiator initiator, TimestampTz started_at);
    bool write_failure(scheduler::Id relid, const Failure &failure);

    /* upkeep.cpp */
    void keep_up();
    void trim_logs();
    bool is_upkeep_due(TimestampTz now) const;

    scheduler::Graph graph_;
    scheduler::Queue queue_;
    std::map<scheduler::Id, Known> known_;
    uint32_t changes_seen_ = 0;
    bool is_loaded_ = false;
    TimestampTz load_after_ = 0;     /* a failed load is repeated then */
    TimestampTz armed_at_ = 0;       /* when commits were last asked to wake us */
    bool is_armed_ = false;
    bool may_trim_ = false;          /* something was logged or refreshed since the last upkeep */
    bool has_untrimmed_ = false;     /* the last upkeep emptied something: there may be more */
    TimestampTz upkeep_after_ = 0;
    TimestampTz prune_after_ = 0;
};

} // namespace pgtrickle::worker
