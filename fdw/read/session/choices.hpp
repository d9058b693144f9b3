/*
 * How stream tables are read under a snapshot that several statements share: that of a transaction in REPEATABLE READ,
 * or of a statement whose functions read under it: the stored rows, or exactly.
 *
 * Invariant: under one such snapshot, a stream table, and others that are refreshed to the same state, are read in the
 * way in which the first of them was. The snapshot would seem to change otherwise: when a hold ends, or when stored
 * rows become too old meanwhile. A statement that fails, and is rolled back to a savepoint, has chosen nothing.
 *
 * The choices under the snapshot of a transaction live as long as that; those under the snapshot of a statement as long
 * as the execution of the statement, and of cursors that its functions have opened. PostgreSQL frames.
 */
#pragma once

#include "fdw/read/session/running_statements.hpp"

extern "C" {
#include "access/xact.h"
#include "datatype/timestamp.h"
#include "executor/execdesc.h"
#include "lib/stringinfo.h"
}

namespace pgtrickle {

struct Choice {
    Oid relid;
    bool is_exact;
    bool is_stale;        /* it was reported, or keeps its rows with one that was */
    int64_t staleness_ms; /* pg_trickle.max_staleness: a choice under other settings does not count */
    bool is_consistent;   /* pg_trickle.consistent_reads */
    NotedBy by;
};

/* Those under one snapshot. */
struct Choices;

/* Returns the choices for a statement that is about to start: those that bind it, or, if it may call functions that
 * read, new ones that will bind these; null if neither. */
Choices *begin_choices(const QueryDesc *query, bool may_call_readers);
/* To be called when the statement has started: its choices end with it. */
void attach_choices(const QueryDesc *query, bool may_call_readers);

/* Whether the choices bind the statement: its snapshot is not its own. */
bool are_binding(const Choices *choices, const QueryDesc *query);
/* The time since which the choices have been made, or before. */
TimestampTz made_since(const Choices *choices);

/* Returns a time that is not before that of the snapshot of a running statement, and the same for all functions that
 * read under it. */
TimestampTz snapshot_time_of(const QueryDesc *caller);

bool has_any_choice(const Choices *choices);
/* Return the choice for the stream table; or that for one of the set that is not stale, an exact one if there is one;
 * or null. Other settings than those in force have other choices. */
const Choice *choice_for(const Choices *choices, Oid relid);
const Choice *choice_among(const Choices *choices, const List *set);

/* Adds the choice of a statement that is about to start, under the settings in force. */
void choose(Choices *choices, Oid relid, bool is_exact, bool is_stale);

/* Makes the choices of the statement at the position, and of those that it has called, final: it has returned. */
void confirm_choices(int position);
/* Choices of a savepoint that is rolled back bind no more; those of one that is released bind what is around it. */
void follow_subtransaction_in_choices(SubXactEvent event, SubTransactionId self, SubTransactionId parent);

/* Appends the choices that bind functions of the statement in parallel workers, as text; nothing if there are none. */
void print_choices(StringInfo text, const QueryDesc *query);

} // namespace pgtrickle
