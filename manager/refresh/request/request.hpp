/*
 * The request for a refresh, and its outcome.
 */
#pragma once

#include "catalog/tables/history.hpp"
#include "pg/boundary.hpp"
#include "scheduler/cost/cost_model.hpp"
#include "scheduler/graph/atomic_sets.hpp"
#include "scheduler/graph/hold.hpp"

extern "C" {
#include "storage/lock.h"
}

#include <string>
#include <vector>

namespace pgtrickle::refresh {

using Action = catalog::RefreshAction;

enum class LockWait { wait, skip_if_locked };

/* Which stream tables take part beside the named ones. */
enum class Reach {
    all_upstreams, /* their atomic sets and refresh groups, and all upstreams of any of these except
                    * upstreams_of_others() */
    named,         /* upstreams that have never been filled; others are read as they stand */
};

struct Outcome {
    Oid relid;
    Action action;
    int64_t rows_inserted = 0;
    int64_t rows_deleted = 0;
    int64_t delta_rows = 0; /* number of changes read */
    bool was_full_fallback = false;
    bool is_fill = false;                      /* a full refresh of an empty stream table */
    bool may_have_rows_to_place = false;       /* for place_rows() */
    std::string reason;                        /* why this kind of refresh was chosen, or why it started from nothing */
    int64_t generation = 0;                    /* generation of the definition */
    std::vector<scheduler::Measured> measured; /* measurements for AUTO */
    TimestampTz data_timestamp = 0;
    TimestampTz started_at = 0;
    TimestampTz ended_at = 0;
};

/* The error that ended a refresh, if it belongs to a known member. When refresh_batch() throws it, `data` is
 * what the session's user may see (audience.hpp). */
struct MemberError : PgError {
    MemberError(const PgError &error, Oid member, Action tried, std::string hidden_name)
        : PgError(error), relid(member), action(tried == Action::no_data ? Action::skip : tried), whole(error.data),
          hidden_as(std::move(hidden_name))
    {
    }
    bool is_hidden() const { return data != whole; }
    Oid relid;
    Action action;         /* skip: the error occurred before the action was decided */
    ErrorData *whole;      /* the unmodified error, for the history */
    std::string hidden_as; /* the stream table's name, if the user may not see its texts; otherwise empty */
};

struct BatchRequest {
    std::vector<Oid> members;
    LockWait wait = LockWait::wait;
    scheduler::RequestedBy requested_by = scheduler::RequestedBy::owner;
    Reach reach = Reach::all_upstreams;
    bool is_at_commit = false; /* under the latest snapshot, whatever the isolation: the transaction reads no more */
    /* For reach named: the atomic sets and the refresh groups that the request knows of. A group is
     * ascending, and not all its members need take part. */
    scheduler::AtomicSets atomic_sets = {};
    std::vector<std::vector<Oid>> groups = {};
};

/* The stream tables that were not refreshed. */
struct SkippedMembers {
    Oid locked = InvalidOid;       /* the stream table that kept all members from being refreshed */
    LOCKTAG lock = {};             /* that another transaction holds, with reach all_upstreams */
    bool is_in_larger_set = false; /* `locked` is in a larger set than the request knows of */
    std::vector<Oid> held = {};    /* those that the request named */
    std::vector<Oid> upstreams =
        {}; /* other held or suspended ones; members were refreshed with the rows that these have */
    std::vector<MemberError> failed = {}; /* of members that were left out */
    std::vector<Oid> beside_failed = {};  /* named ones that were not refreshed without them */
};

} // namespace pgtrickle::refresh
