/*
 * A frontier: how far the changes of the sources of a stream table have been applied. It is a snapshot, never
 * the largest number seen: transactions commit in another order than they write.
 *
 * A logged change (xid, seq) is *new* to a frontier (S, own xid, own seq) iff the reading snapshot sees it
 * and neither
 *   xid is visible in S (xid < xmax(S) and xid not in xip(S)), nor
 *   xid = own xid and seq <= own seq.
 * If the transaction that takes the frontier has an xid of its own, that xid is in xip(S): otherwise
 * everything that the transaction logs later would be regarded as applied.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "access/transam.h"
#include "utils/snapshot.h"
}

#include <cstdint>
#include <vector>

namespace pgtrickle {

/* Returns a snapshot that sees all that has been committed. In a parallel plan, where PostgreSQL takes none beside that
 * of the transaction, it returns that one, which is as new in READ COMMITTED. PostgreSQL frame. */
Snapshot latest_snapshot();

struct Frontier {
    uint64_t xmin = 0;         /* all xids below are included */
    uint64_t xmax = 0;         /* no xid at or above is included, except for own changes */
    std::vector<uint64_t> xip; /* xids in [xmin, xmax) that are not included; sorted */
    uint64_t own_xid = 0;      /* 0: the transaction that took the frontier had no xid */
    int32_t own_seq = 0;

    bool operator==(const Frontier &other) const = default;
    bool includes(uint64_t xid, int32_t seq) const;
    /* Whether all changes that `other` includes are included. */
    bool includes(const Frontier &other) const;

    /* Returns the frontier of `snapshot` in the current transaction, including the transaction's own changes
     * up to `own_seq`. */
    static Frontier of_snapshot(Snapshot snapshot, int32_t own_seq);
    /* The text form of pg_snapshot, "xmin:xmax:xip,…", which does not contain own_xid and own_seq. */
    std::string to_text() const;
    static Frontier from_text(const char *text, uint64_t own_xid, int32_t own_seq);
};

} // namespace pgtrickle
