/*
 * The stream tables that a statement could not have refreshed, and those that it reads exactly instead
 * (exact_reads.hpp).
 *
 * Invariant: a statement sees stream tables that are refreshed together in one state, and so do all statements under
 * one snapshot (session/choices.hpp). One that is reported as stale keeps its stored rows, and so do the others,
 * although an exact read would not have to wait for them. Under one snapshot the others also keep them if stored rows
 * of one of them have been read before that lack a change, and are reported if these are too old for them. Excepted are
 * those whose rows lack what this session has written or read, and those that are refreshed without the reported one,
 * because it is held or fails.
 *
 * PostgreSQL frames, unless said otherwise.
 */
#pragma once

#include "fdw/read/freshness.hpp"
#include "fdw/read/session/choices.hpp"

extern "C" {
#include "executor/execdesc.h"
}

namespace pgtrickle {

/* A statement that is about to start. */
struct StartingStatement {
    const QueryDesc *query;
    const Oid *relids; /* that it reads */
    int count;
    Choices *choices; /* that bind it, or will bind its functions; null: neither */
};

struct Unrefreshed {
    Oid relid;
    Obstacle obstacle;
    /* It can be read exactly: that gives what a refresh cannot because of the obstacle; or the statement has to show
     * one state; or this session has read exactly before this stream table, or one that is refreshed together with it,
     * and would go back in time, or see two states. */
    bool is_replaceable;
};

/* While an object exists, apply_on_stale() notes stream tables, and raises no message about those that are read exactly
 * instead. C++ frames. */
class NotingUnrefreshed {
  public:
    explicit NotingUnrefreshed(const StartingStatement &statement);
    ~NotingUnrefreshed();
    NotingUnrefreshed(const NotingUnrefreshed &) = delete;
    NotingUnrefreshed &operator=(const NotingUnrefreshed &) = delete;
    List *noted() const; /* of Unrefreshed, palloc'ed */

  private:
    struct Noting *outer_;
    struct Noting *own_;
};

/* Notes the stream table, if an object exists. Returns true if no message is to be raised. */
bool note_unrefreshed(Oid relid, Obstacle obstacle);

/* Notes that a statement reads its stream tables exactly, whatever could be refreshed. */
void note_exact_read(const StartingStatement &statement);

/* Returns those stream tables of a statement that are read exactly, after refreshes have been tried for it, and
 * `unrefreshed` were noted; palloc'ed. */
const Oid *tables_to_read_exactly(const StartingStatement &statement, const List *unrefreshed, int *found);

} // namespace pgtrickle
