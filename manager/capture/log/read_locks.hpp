/*
 * Locks on change logs while they are read.
 *
 * Invariant: no segment is emptied while it is read. Before and after that, the snapshot of the reader is enough: the
 * trimmer leaves what a snapshot may need, or records that it did not (trim.cpp). The next read for such a snapshot
 * notices that, whether it reads what the snapshot sees or what was logged after it (is_trimmed_since()): the statement
 * takes a new snapshot, or 40001 is raised. So a transaction that reads keeps no lock on a log from one statement to
 * the next: while it is idle, it holds back neither the trimmer nor the replay of a standby.
 *
 * A refresh locks the logs until it has ended. The trimmer goes by frontiers that are committed: the older frontier of
 * a stream table needs all that one does which is not committed yet. Where there is no older one, as after a fill and
 * in transactions that begin to capture, the locks are kept to the end (lock_logs()).
 */
#pragma once

#include "pg/boundary.hpp"

#include <vector>

extern "C" {
#include "utils/resowner.h"
}

namespace pgtrickle::capture {

/* Logs that are locked as long as an object of this class exists; where another one exists already, until that one
 * ends. No transaction, subtransaction or portal in which the object was made ends before it. C++ frames. */
class ReadLocks {
  public:
    ReadLocks();
    ~ReadLocks();
    ReadLocks(const ReadLocks &) = delete;
    ReadLocks &operator=(const ReadLocks &) = delete;

    /* Takes AccessShare on the segments of the log of `source`, if there is one. */
    void lock(Oid source);

  private:
    static inline ReadLocks *outermost_ = nullptr;
    ResourceOwner owner_;
    std::vector<Oid> sources_, segments_;
};

} // namespace pgtrickle::capture
