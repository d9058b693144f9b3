/*
 * How far fills and full refreshes are, in shared memory: one slot a backend.
 *
 *     Progress progress(relid);                  begins
 *     progress.enter(Phase::comparing, …);       from phase to phase
 *     progress.count();                          each row: an increment and a store
 *
 * A slot is written by its backend alone and read without a lock: whoever reads repeats until nothing was
 * written meanwhile, as for pg_stat_activity. It is empty again when the object is destroyed, and when the
 * transaction ends however that may be; a refresh within another one (of an upstream) shows the
 * innermost. Without shared memory nothing is shown.
 * Nothing here ereports.
 */
#pragma once

#include "pg/boundary.hpp"

#include <cstdint>
#include <vector>

namespace pgtrickle::mailbox {

enum class Phase : uint32_t {
    computing, /* rows come out of the query, and are stored or sorted */
    comparing, /* sorted rows are compared with those that are stored */
    indexing,  /* indexes are built */
};
const char *name_of(Phase phase);

class Progress {
  public:
    explicit Progress(Oid relid) noexcept;
    ~Progress();
    Progress(const Progress &) = delete;
    Progress &operator=(const Progress &) = delete;

    /* `part` of `parts`, from 1: the heaps of a stream table are made one after another. */
    void begin_part(int part, int parts) noexcept;
    /* Begins to count anew. `rows_expected` is an estimate; 0: none. */
    void enter(Phase phase, double rows_expected) noexcept;
    void count() noexcept;

  private:
    struct ProgressSlot *slot_; /* null: nothing is shown */
    int64_t rows_ = 0;
};

struct ProgressSeen {
    int pid;
    Oid database;
    Oid relid;
    TimestampTz started_at;
    Phase phase;
    int part;  /* from 1 */
    int parts;
    int64_t rows_done;
    int64_t rows_expected; /* 0: nobody knows */
};

/* Of all databases. May throw bad_alloc. */
std::vector<ProgressSeen> progress_seen();

} // namespace pgtrickle::mailbox
