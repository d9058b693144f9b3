#include "capture/log/anchor.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/xact.h"
#include "storage/bufmgr.h"
#include "storage/bufpage.h"
#include "storage/itemid.h"
#include "storage/smgr.h"
#include "utils/rel.h"
}

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle::capture {

namespace {

/* The entry of this process in a segment that is the first of its last xid there. */
struct Anchor {
    Oid segment;
    BlockNumber block;
    Size room; /* in the block, unless other processes have taken some; 0 if the xid may have several entries */
    FullTransactionId xid;
    TransactionId row_xid; /* of a savepoint, or as xid */
    bool is_committed;     /* as far as is known */
};

constexpr int most_anchors = 16;

/* Lives as long as the backend. */
struct Anchors {
    Anchor items[most_anchors];
    int count;
};

Anchors &anchors()
{
    static Anchors all;
    return all;
}

Anchor *find_anchor(Oid segment)
{
    Anchors &all = anchors();
    for (int i = 0; i < all.count; i++)
        if (all.items[i].segment == segment)
            return &all.items[i];
    return nullptr;
}

/* Returns an anchor that may be replaced; nullptr if there is none. Those of a transaction stay to its end: a second
 * entry of the transaction must not be taken for its only one. */
Anchor *free_anchor(FullTransactionId xid)
{
    Anchors &all = anchors();
    if (all.count < most_anchors)
        return &all.items[all.count++];
    for (Anchor &anchor : all.items)
        if (!FullTransactionIdEquals(anchor.xid, xid))
            return &anchor;
    return nullptr;
}

/* Whether the row of the anchor is there if one of the transaction `xid` is, and a reader finds it. */
bool is_held(Anchor *anchor, FullTransactionId xid)
{
    if (FullTransactionIdEquals(anchor->xid, xid))
        return anchor->row_xid == XidFromFullTransactionId(xid);
    if (U64FromFullTransactionId(xid) - U64FromFullTransactionId(anchor->xid) >= anchor_reach)
        return false;
    if (!anchor->is_committed)
        anchor->is_committed = TransactionIdDidCommit(anchor->row_xid);
    return anchor->is_committed;
}

Size room_in(Relation segment, BlockNumber block)
{
    Buffer buffer = ReadBuffer(segment, block);
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    const Size room = PageGetHeapFreeSpace(BufferGetPage(buffer));
    UnlockReleaseBuffer(buffer);
    return room;
}

} // namespace

BlockNumber anchored_block(Relation segment, FullTransactionId xid, Size length)
{
    Anchor *anchor = find_anchor(RelationGetRelid(segment));
    /* A segment that has got another file has no target block. */
    const bool is_there =
        anchor != nullptr && anchor->block == RelationGetTargetBlock(segment) && MAXALIGN(length) <= anchor->room;
    return is_there && is_held(anchor, xid) ? anchor->block : InvalidBlockNumber;
}

void take_anchored_room(Relation segment, Size length)
{
    Anchor *anchor = find_anchor(RelationGetRelid(segment));
    const Size taken = MAXALIGN(length) + sizeof(ItemIdData);
    anchor->room = anchor->room > taken ? anchor->room - taken : 0;
}

bool expect_entry(Relation segment, FullTransactionId xid)
{
    const Oid oid = RelationGetRelid(segment);
    Anchor *anchor = find_anchor(oid);
    if (anchor != nullptr && FullTransactionIdEquals(anchor->xid, xid)) {
        anchor->room = 0;
        return false;
    }
    if (anchor == nullptr)
        anchor = free_anchor(xid);
    if (anchor == nullptr)
        return false;
    *anchor = {oid, InvalidBlockNumber, 0, xid, GetCurrentTransactionId(), false};
    return true;
}

void note_first_entry(Relation segment, BlockNumber block)
{
    Anchor *anchor = find_anchor(RelationGetRelid(segment));
    anchor->room = room_in(segment, block);
    anchor->block = block;
}

} // namespace pgtrickle::capture
