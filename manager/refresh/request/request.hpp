/*
 * What is asked of a refresh, and what comes of it.
 */
#pragma once

#include "pg/boundary.hpp"
#include "scheduler/cost/cost_model.hpp"
#include "scheduler/graph/atomic_sets.hpp"
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

struct RefreshRequest {
    std::vector<Oid> members;
    LockWait wait = LockWait::wait;
    scheduler::RequestedBy requested_by = scheduler::RequestedBy::owner;
    Reach reach = Reach::all_below;
    /* Reach named: the atomic sets and the refresh groups that the request knows of. Of a group, each ascending, not all may
     * take part. */
    scheduler::AtomicSets atomic_sets = {};
    std::vector<std::vector<Oid>> groups = {};
};

/* The stream tables that stay as they were although they were named. */
struct SkippedMembers {
    Oid locked = InvalidOid;     /* not InvalidOid: it keeps all others from it too */
    bool is_in_larger_set = false; /* that one, than the request knows of */
    std::vector<Oid> held = {};
};

} // namespace pgtrickle::refresh
