/*
 * Refreshing: taking stream tables to a new frontier, in the current transaction.
 *
 * Invariants:
 *   - all locks (object locks of the members, then relation locks on every source,
 *     upstream storage and log, in topological order) are held before the one snapshot
 *     of the refresh is taken, and to the end of the transaction;
 *   - everything is read under that snapshot (its command id moves on as we write), so
 *     all members reach the same frontier together, or none;
 *   - after it, the declared columns of each member's storage are the defining query's answer
 *     under that snapshot.
 * It runs with the owner's rights, under the recorded settings and a safe search_path.
 */
#pragma once

#include "pg/boundary.hpp"
#include "scheduler/cost/cost_model.hpp"
#include "scheduler/graph/hold.hpp"

#include <string>
#include <vector>

namespace pgtrickle::refresh {

enum class Action { no_data, full, differential, reinitialize };
const char *name_of(Action action); /* as in the history: NO_DATA … */
const char *name_of_attempt(Action action); /* of what failed: SKIP before it was decided what to do */

enum class LockWait { wait, skip_if_locked };

/* Who takes part beside those that are named. */
enum class Reach {
    all_below, /* their atomic siblings, and all that any of them reads but upstreams_of_others() */
    named,     /* nobody; what else they read is read as it stands, unless it has never been filled */
};

struct Outcome {
    Oid relid;
    Action action;
    int64_t rows_inserted = 0;
    int64_t rows_deleted = 0;
    int64_t delta_rows = 0;      /* changes read */
    bool was_full_fallback = false;
    bool is_fill = false;        /* full, of what was empty */
    std::string reason;          /* why it went this way, where there was a choice, or why it started over */
    int64_t generation = 0;      /* of the definition */
    std::vector<scheduler::Measured> measured; /* what AUTO is to learn from it */
    TimestampTz data_timestamp = 0;
    TimestampTz started_at = 0;
    TimestampTz ended_at = 0;
};

/* What ended a refresh, if it is known whose part of it did. What refresh_group() throws has in `data` what the session's user
 * may see (audience.hpp). */
struct MemberError : PgError {
    MemberError(const PgError &error, Oid member, Action tried, std::string hidden_name)
        : PgError(error), relid(member), action(tried), whole(error.data), hidden_as(std::move(hidden_name))
    {
    }
    bool is_hidden() const { return data != whole; }
    Oid relid;
    Action action; /* no_data: before it was decided */
    const ErrorData *whole; /* for the history */
    std::string hidden_as;  /* the stream table's name, where the user may not see its texts; else empty */
};

struct Asking {
    std::vector<Oid> members;
    LockWait wait = LockWait::wait;
    scheduler::Asked asked = scheduler::Asked::owner;
    Reach reach = Reach::all_below;
    /* Reach named: who is refreshed together or not at all; and who is of a refresh group, though not all of it may take part.
     * Each ascending. */
    std::vector<std::vector<Oid>> bonds = {};
    std::vector<std::vector<Oid>> groups = {};
};

/* Who stays as he was although he was named. */
struct Unrefreshed {
    Oid locked = InvalidOid;     /* not InvalidOid: it keeps all others from it too */
    bool is_bound_anew = false;  /* that one, to more than the asking knows of */
    std::vector<Oid> held = {};
};

/* Refreshes those who are asked for, and whoever else is within reach,
 * as one group under one snapshot. Must be called without an active snapshot of its own
 * in use for the result. With skip_if_locked, returns an empty list when another
 * transaction holds a member's object lock, and says whose in `locked`; as it does, with reach named, of one that is bound to
 * others of whom the asking does not know, or is suspended. Throws PgError, a MemberError where one member is at
 * fault; then nothing has changed once the caller's (sub)transaction is rolled back.
 * Who is held, or suspended, stays as it is (left_out.hpp): for an owner, one who is named makes an error, 55000; of
 * others it is told in `held`. In a REPEATABLE READ transaction those who are named all have rows, or none has; and whoever else
 * would have to be filled where they are not, or the other way round, stays as it is, too. */
std::vector<Outcome> refresh_group(const Asking &asking, Unrefreshed *unrefreshed = nullptr);

/* Creates the heaps of a stream table just defined (its definition view, dependencies and
 * state row exist), in the tablespace that CREATE TABLE would choose in this session. Empty, unpopulated. */
void create_storage(Oid relid);
/* Replaces the heaps after the defining query has changed, in their tablespace; the stream table is unpopulated
 * until the next refresh. */
void replace_storage(Oid relid);
/* First fill, under a snapshot taken after capture was made sure of. */
Outcome initialize(Oid relid);

} // namespace pgtrickle::refresh
