/*
 * The operators' instructions about refreshing: scheduler::Holds is read from pgt_hold and related tables,
 * which commit and roll back with everything else.
 *
 * A refresh reads them under its own snapshot, after its locks: the changes that a closed gate holds back
 * were written after the gate was closed, so a refresh that does not see the gate does not see the changes
 * either. C++ frames unless said otherwise; they throw PgError.
 */
#pragma once

#include "pg/boundary.hpp"
#include "scheduler/graph/hold.hpp"

extern "C" {
#include "utils/snapshot.h"
}

#include <functional>

namespace pgtrickle::refresh {

/* Columns of pgt_hold. */
enum HoldColumn : int { hold_kind = 1, hold_relation, hold_group, hold_since, hold_role, hold_ended_at };
/* Columns of pgt_watermark_group, pgt_watermark and pgt_watermark_taken. */
enum GroupColumn : int { group_name = 1, group_tolerance, group_created_at };
enum WatermarkColumn : int { watermark_source = 1, watermark_value };
enum TakenColumn : int {
    taken_relid = 1,
    taken_group,
    taken_watermark,
    taken_group_created_at,
    taken_column_count = taken_group_created_at
};

/* Reads the holds as the snapshot sees them, or the latest ones. Frozen tiers are part of definitions, and
 * are not included. If nothing is held, the cost is a scan of an empty table. */
scheduler::Holds read_holds(Snapshot snapshot = nullptr);

/* As above, but gates and groups that concern no stream table of the graph may be missing: they are looked up by
 * relation, so that those of other relations cost nothing. `graph` is called if anything is held. */
scheduler::Holds read_holds_on(const std::function<scheduler::Graph()> &graph, Snapshot snapshot = nullptr);

/* Records that the stream table has been refreshed up to the watermark of each group that concerns it. To be
 * called in the refresh's transaction, under the object lock of the stream table. */
void record_applied_watermarks(const scheduler::Holds &holds, const scheduler::Graph &graph, Oid relid);

/* Records that `to`, a successor of `from` or the other way round, has applied what `from` has. */
void copy_applied_watermarks(Oid from, Oid to);

/* Returns whether the tier of the stream table is frozen, as the snapshot sees it, or the latest one. PostgreSQL
 * frame. */
bool is_frozen(Oid relid, Snapshot snapshot = nullptr);

/* Returns the hold on one stream table, its tier included, as the snapshot sees it, or the latest one. */
std::optional<scheduler::Hold> hold_on(Oid relid, Snapshot snapshot = nullptr);

/* Whether these relations may be shown to be the cause of something: the roles that an answer reaches may see the state
 * of all of them, as far as they exist. */
bool may_show_all(const scheduler::Ids &relations);

/* Why a stream table is not fresh, in words: its own hold, or that of an upstream. Empty if there is none. */
struct HoldExplanation {
    std::string sentence;
    std::string hint;
};
/* Returns the explanation, which is about the state of these relations, if it may be shown, and otherwise one that says
 * nothing of them. Every explanation that names a relation, or is about another one than the reader has named, is
 * returned through this function. */
HoldExplanation about(const scheduler::Ids &relations, HoldExplanation explanation);

HoldExplanation explain_hold(Oid relid);
/* Returns the explanation as a sentence for every role. */
std::string explain_hold_to_all(Oid relid);

/* Return a hold in words: "Its source public.t is gated.", and how to end it. The sentence is for the user, or for
 * every role, and then names no source and no watermark group, as it does for a user who may not see these. */
std::string sentence_of(const scheduler::Hold &hold);
std::string sentence_to_all(const scheduler::Hold &hold);
std::string hint_of(const scheduler::Hold &hold, Oid relid);
/* Returns drained, all paused, paused, frozen, gated or watermark. */
const char *name_of(scheduler::Hold::Kind kind);
/* Removes the instructions about a relation that is being dropped. Returns whether there were any. PostgreSQL
 * frame. */
bool forget_holds(Oid relation);

/* While the manager refreshes, it holds this lock of the database in a shared mode. A drain waits for the
 * exclusive mode, and while it waits no new shared lock is granted. Held to the end of the transaction.
 * PostgreSQL frames. */
bool take_work_lock(); /* returns false if the database is being drained */
void wait_for_work();  /* waits until no process holds the shared lock; lock_timeout applies */
bool is_work_going_on();

} // namespace pgtrickle::refresh
