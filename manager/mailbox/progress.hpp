/*
 * Progress of fills and full refreshes, in shared memory: one slot for each backend.
 *
 *     Progress progress(relid, owner);           begins
 *     progress.enter(Phase::comparing, …);       goes to the next phase
 *     progress.count();                          counts a row: an increment and a store
 *
 * A slot is written by its backend alone and read without a lock: the reading process repeats until no write
 * happened meanwhile, as for pg_stat_activity. The slot is empty again when the object is destroyed, and when
 * the transaction aborts for any reason. A refresh within another one (of an upstream) shows the innermost.
 * Without shared memory nothing is shown. Nothing here ereports.
 */
#pragma once

#include "pg/boundary.hpp"

#include <cstdint>
#include <vector>

namespace pgtrickle::mailbox {

enum class Phase : uint32_t {
    computing, /* the query returns rows, which are stored or sorted */
    comparing, /* sorted rows are compared with the stored rows */
    indexing,  /* indexes are built */
};
const char *name_of(Phase phase);

class Progress {
  public:
    Progress(Oid relid, Oid owner) noexcept;
    ~Progress();
    Progress(const Progress &) = delete;
    Progress &operator=(const Progress &) = delete;

    /* Begins part `part` of `parts`, from 1: the heaps of a stream table are filled one after another. */
    void begin_part(int part, int parts) noexcept;
    /* Enters `phase` and sets the count to 0. `rows_expected` is an estimate; 0: none. */
    void enter(Phase phase, double rows_expected) noexcept;
    void count() noexcept;

  private:
    struct ProgressSlot *slot_; /* null: progress is not shown */
    int64_t rows_ = 0;
};

struct ProgressSeen {
    int pid;
    Oid database;
    Oid relid;
    Oid owner; /* of the stream table; roles are those of all databases */
    TimestampTz started_at;
    Phase phase;
    int part; /* from 1 */
    int parts;
    int64_t rows_done;
    int64_t rows_expected; /* 0: unknown */
};

/* Progress of all backends, of all databases. May throw bad_alloc. */
std::vector<ProgressSeen> progress_seen();

} // namespace pgtrickle::mailbox
