/*
 * A job: what a manager has a refresh worker do, and the result: how it went.
 *
 * Plain data, which travels from process to process as bytes. A job carries all that whoever
 * executes it needs to know of the stream tables that it involves, so that only managers
 * know the definitions of a whole database.
 *
 * The bytes are read by the same program that wrote them: numbers are as in memory. Reading
 * throws std::runtime_error if they are not a job's or a result's.
 * Pure C++.
 */
#pragma once

#include "scheduler/graph/atomic_sets.hpp"
#include "scheduler/graph/requested_by.hpp"
#include "scheduler/time/schedule.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pgtrickle::scheduler {

/* How a stream table fared in an attempt to refresh it. */
enum class Verdict : uint8_t {
    refreshed,
    failed,
    behind, /* one that it reads, or an atomic sibling, has failed */
    held,   /* it is not to be refreshed now */
    locked, /* somebody else holds its lock, or one that it needs: to be tried again */
};

/* A stream table that a job involves. */
struct Involved {
    enum class Role : uint8_t {
        requested, /* due, or asked for */
        optional,  /* refreshed, too, unless that means waiting */
        required,  /* refreshed because one of those is, which reads it or is of its atomic set */
        upstream,  /* read by one of those, as it stands */
    };
    Id id = 0;
    Role role = Role::requested;
    bool is_time_dependent = false;        /* another answer without a change */
    bool is_program_written = false; /* to the catalog, of this generation */
    bool has_overrun = false;        /* the process of its last refresh was terminated: a failure, to be written down */
    bool goes_alone = false;         /* as that of a refresh of several was: to be refreshed apart from the others */
    int32_t refresh_timeout_ms = 0;
    int32_t failures = 0;            /* in a row */
    Id owner = 0;
    int64_t generation = 0;
    std::string schema_name;
    std::string name;
    Ids sources;
    bool operator==(const Involved &) const = default;
};

struct Job {
    enum class Kind : uint8_t { refresh, upkeep };
    Kind kind = Kind::refresh;
    RequestedBy requested_by = RequestedBy::scheduler;
    bool no_lock_wait = false;      /* requested ones, too, are refreshed only if nothing they need is locked */
    bool is_prune_due = false;      /* upkeep: of the history */
    bool is_of_all = false;         /* upkeep: of all logs */
    std::vector<uint32_t> slots;    /* upkeep: else of those of sources with these counters, ascending */
    Ids large_sources;              /* upkeep: whose logs an alert has told of */
    AtomicSets atomic_sets;         /* of those involved */
    std::vector<Ids> groups;        /* refresh groups of members, each ascending: they wait for each other's locks */
    Ids taken;                      /* what others refresh from now on: it need not be kept compiled */
    std::vector<Involved> involved; /* members in order, upstreams first; then who is only read */
    bool operator==(const Job &) const = default;
};

/* Of a member; or of another one that was refreshed along with them. */
struct MemberResult {
    Id id = 0;
    Verdict verdict = Verdict::locked;
    bool is_suspended = false;       /* from now on */
    bool is_program_written = false;
    bool has_changed = false;        /* something was taken in */
    int32_t failures = 0;
    Microseconds started_at = 0;
    Microseconds not_before = 0;
    bool operator==(const MemberResult &) const = default;
};

struct JobResult {
    std::vector<MemberResult> members;
    Microseconds took_us = 0;
    Ids large_sources;           /* upkeep: whose logs are large */
    Ids untrimmed;               /* upkeep: of whose logs there may be more to empty */
    Ids held_back;               /* upkeep: whose logs somebody else has to let go of first */
    bool has_given_way = false;  /* upkeep, to refreshes: what it has not come to is among the untrimmed */
    bool has_unpruned = false;   /* upkeep has pruned the history: there may be more */
    bool is_catalog_new = false; /* the catalog was made anew: what is projected into it has to be written again */
    bool is_outdated = false;    /* members are in larger atomic sets than the job says: definitions have to be read again */
    bool operator==(const JobResult &) const = default;
};

std::string to_bytes(const Job &job);
std::string to_bytes(const JobResult &result);
Job job_of(std::string_view bytes);
JobResult job_result_of(std::string_view bytes);

} // namespace pgtrickle::scheduler
