/*
 * The statements that run, innermost last. A statement runs from the moment it has its snapshot: its functions may be
 * called when the executor starts, runs and finishes.
 *
 * A STABLE function reads under its caller's snapshot, which is recognized by comparison with those of the running
 * statements. An error that unwinds the stack is noticed as the abort of its (sub)transaction.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "access/xact.h"
#include "datatype/timestamp.h"
#include "executor/execdesc.h"
}

namespace pgtrickle {

/* Return the position of a statement that starts, or has started before, for end_running_from(). */
int begin_starting(const QueryDesc *query);
int begin_running(const QueryDesc *query);
/* Ends the statement at the position, and those that it has called. */
void end_running_from(int position);

/* Returns a time that is not before that of the snapshot of a statement that runs. Of a cursor, it is the time at which
 * the cursor has run on. */
TimestampTz running_since(const QueryDesc *query);

/* Returns how many statements run. */
int running_depth();
/* The statement that has noted something, which is final when that has returned, and is forgotten if that is undone. */
struct NotedBy {
    int nest_level; /* of transactions, when the statement began; 0: it has returned */
    int depth;      /* number of statements that were running then */

    /* Whether it is the statement at the position, or one that that has called. */
    bool is_from(int position) const { return depth >= position; }
};
/* Returns this for a statement that is about to start. */
NotedBy noted_by_starting();
/* Returns what is left of the notes (List of pointers to `Note`, which has a NotedBy `by`) at the end of a
 * subtransaction: those of a savepoint that is rolled back are freed, those of one that is released are of what is
 * around it. */
template <class Note> List *notes_after(SubXactEvent event, List *notes)
{
    if (event != SUBXACT_EVENT_ABORT_SUB && event != SUBXACT_EVENT_COMMIT_SUB)
        return notes;
    const int ending = GetCurrentTransactionNestLevel();
    ListCell *cell;
    foreach (cell, notes) {
        auto *note = static_cast<Note *>(lfirst(cell));
        if (note->by.nest_level < ending)
            continue;
        if (event == SUBXACT_EVENT_COMMIT_SUB) {
            note->by.nest_level = ending - 1;
            continue;
        }
        notes = foreach_delete_current(notes, cell);
        pfree(note);
    }
    return notes;
}

/* Return the outermost statement that runs, or that runs under the snapshot; null if there is none. */
const QueryDesc *outermost_running();
const QueryDesc *outermost_running_under(Snapshot snapshot);

/* Remove the statements that an error has ended. */
void end_running(XactEvent event);
void end_running_of(SubXactEvent event, SubTransactionId self, SubTransactionId parent);

} // namespace pgtrickle
