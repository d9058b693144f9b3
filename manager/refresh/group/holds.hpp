/*
 * What operators said about refreshing, as PostgreSQL keeps it: scheduler::Holds is read from pgt_hold and its
 * kin, which commit and roll back with everything else.
 *
 * A refresh asks under its own snapshot, after its locks: whatever a gate is closed for was written
 * after the gate, so a refresh that does not see the gate does not see that either.
 * C++ frames unless said otherwise; they throw PgError.
 */
#pragma once

#include "pg/boundary.hpp"
#include "scheduler/graph/hold.hpp"

extern "C" {
#include "utils/snapshot.h"
}

namespace pgtrickle::refresh {

/* As the snapshot sees it, or by now. Frozen tiers are part of definitions, and not filled in. Cost, when nothing is
 * held: a look into an empty table. */
scheduler::Holds read_holds(Snapshot snapshot = nullptr);

/* The stream table has been refreshed: it has taken in what each group that concerns it has advanced to. To be called
 * in the refresh's transaction, under its object lock. */
void note_taken_in(const scheduler::Holds &holds, const scheduler::Graph &graph, Oid relid);

/* Stream table `relid` and all it is made from. */
scheduler::Graph graph_below(Oid relid);
/* The hold on one stream table by now, its tier included. */
std::optional<scheduler::Hold> hold_on(Oid relid);

/* What keeps a stream table from being fresh: its own hold, or that of one that it reads. In words; empty: nothing does. */
struct Explanation {
    std::string sentence;
    std::string hint;
};
Explanation explain_hold(Oid relid);
/* The same in a sentence that every role may read: no names but those of relations. */
std::string explain_hold_to_all(Oid relid);

/* A hold in words: "Its source public.t is gated.", and what ends it. */
std::string sentence_of(const scheduler::Hold &hold);
std::string hint_of(const scheduler::Hold &hold, Oid relid);
/* drained, paused (of one or all), frozen, gated, watermark */
const char *name_of(scheduler::Hold::Kind kind);
/* Removes what was said of a relation that is being dropped. Whether anything was. PostgreSQL frame. */
bool forget_holds(Oid relation);

/* While the manager refreshes, it holds a share of this lock of the database, and a drain waits for all of it. Whoever
 * waits keeps new shares from being given. To the end of the transaction. PostgreSQL frames. */
bool take_work_lock();    /* false: the database is being drained */
void wait_for_work();     /* until nobody holds a share; lock_timeout applies */
bool is_work_going_on();

} // namespace pgtrickle::refresh
