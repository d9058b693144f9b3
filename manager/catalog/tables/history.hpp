/*
 * The history of refreshes, as the SQLite catalog keeps it: a failed refresh stays in it
 * although its transaction rolled back. Written by the process that refreshed, after the
 * commit or the abort; some tens of microseconds.
 *
 * A missing, damaged or read-only catalog loses history, never a query: the functions
 * return nothing then, and the process says so once, by a WARNING.
 */
#pragma once

#include "scheduler/cost/cost_model.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace pgtrickle::catalog {

/* One refresh. Times are microseconds as in TimestampTz, 0 for none. */
struct Refresh {
    int64_t refresh_id = 0; /* given when it is written */
    uint32_t relid = 0;
    int64_t data_timestamp = 0;
    int64_t started_at = 0;
    int64_t ended_at = 0;
    std::string action;       /* NO_DATA, FULL, DIFFERENTIAL, REINITIALIZE, SKIP */
    std::string status;       /* COMPLETED, FAILED, SKIPPED */
    std::string initiated_by; /* SCHEDULER, MANUAL, INITIAL, SCAN */
    int64_t rows_inserted = 0;
    int64_t rows_deleted = 0;
    int64_t delta_rows = 0;
    bool was_full_fallback = false;
    std::string error_message;
    std::string reason;     /* why it went this way, where there was a choice, or why it started over */
    bool is_fill = false;   /* full, of what was empty */
    int64_t generation = 0; /* of the definition */
    std::vector<scheduler::Measured> measured;

    /* Completed, and it could have gone either way. */
    bool is_choice() const { return status == "COMPLETED" && (action == "DIFFERENTIAL" || was_full_fallback); }
};

/* What all refreshes of a stream table did that were this action, since they are counted: pruning the
 * history does not change it. Times as above, sums in microseconds. */
struct Statistics {
    uint32_t relid = 0;
    std::string action;
    int64_t refreshes = 0; /* completed */
    int64_t failures = 0;
    int64_t rows_inserted = 0;
    int64_t rows_deleted = 0;
    int64_t delta_rows = 0;
    int64_t total_us = 0;
    int64_t max_us = 0;
    int64_t last_us = 0;
    int64_t first_at = 0;
    int64_t completed_at = 0; /* the last one */
    int64_t chosen_at = 0;    /* the last one that was no first fill */
    int64_t failed_at = 0;
    std::string error_message; /* of the last failure */
    int64_t fills = 0;         /* of the refreshes */
    int64_t fill_us = 0;       /* of total_us */
};

/* Of the database this process is connected to. C++ frames. */
void append_history(const std::vector<Refresh> &refreshes);
/* Newest first; relid 0: of all stream tables of the database. */
std::vector<Refresh> read_history(uint32_t relid, int max_rows);
/* The same, one after the other, for a history may be too long for memory, until `take` says that it has enough. */
void each_refresh(uint32_t relid, int64_t max_rows, const std::function<bool(const Refresh &)> &take);
/* The latest one that could go either way and was completed, in the current transaction too; nothing: there is none. */
std::optional<Refresh> read_last_choice(uint32_t relid);
/* What is known of what either way costs, oldest first. */
std::vector<scheduler::Measured> read_measured(uint32_t relid, int64_t generation);
/* By stream table and action. */
std::vector<Statistics> read_statistics();

/* For a refresh in the current transaction, called after it and before the transaction's end: written when the
 * transaction ends, after its commit is visible; with status FAILED if it, or the
 * subtransaction, rolls back. */
void append_history_at_end(const Refresh &refresh);

} // namespace pgtrickle::catalog
