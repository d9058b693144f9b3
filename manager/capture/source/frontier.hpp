/*
 * A frontier: how far the sources of a stream table are taken in. It is a snapshot, never
 * the largest number seen: transactions commit in another order than they write.
 *
 * A logged change (xid, seq) is *new* to a frontier (S, own xid, own seq) iff the reading
 * snapshot sees it and neither
 *     xid is visible in S (xid < xmax(S) and xid not in xip(S)), nor
 *     xid = own xid and seq <= own seq.
 * When the transaction that takes the frontier has an xid of its own, that xid is in
 * xip(S): otherwise everything it logs later would be taken for seen.
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

struct Frontier {
    uint64_t xmin = 0;          /* everything below is in */
    uint64_t xmax = 0;          /* nothing at or above is in, own changes aside */
    std::vector<uint64_t> xip;  /* in [xmin, xmax) but not in; sorted */
    uint64_t own_xid = 0;       /* 0: the transaction that took it had none */
    int32_t own_seq = 0;

    bool includes(uint64_t xid, int32_t seq) const;
    /* Whether all that `other` includes is in. */
    bool includes(const Frontier &other) const;

    /* The frontier that `snapshot` stands for in the current transaction, of which changes
     * up to `own_seq` are in. */
    static Frontier of_snapshot(Snapshot snapshot, int32_t own_seq);
    /* pg_snapshot's text form, "xmin:xmax:xip,…", which leaves own_xid and own_seq to the caller. */
    std::string to_text() const;
    static Frontier from_text(const char *text, uint64_t own_xid, int32_t own_seq);
};

} // namespace pgtrickle
