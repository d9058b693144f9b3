/*
 * The history of refreshes in the SQLite catalog: a failed refresh stays in it although its transaction
 * rolled back. The process that refreshed writes it after the commit or the abort, which takes some tens of
 * microseconds.
 *
 * A missing, damaged or read-only catalog loses history, but fails no query: the functions then return
 * nothing, and the process raises a WARNING once.
 */
#pragma once

#include "scheduler/cost/cost_model.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace pgtrickle::catalog {

/* The action of a refresh that completed, or the attempted one; skip: none was begun. */
enum class RefreshAction { skip, no_data, full, differential, reinitialize };
enum class RefreshStatus { completed, failed, skipped };
enum class InitiatedBy { scheduler, scan, manual, initial };

/* The names as the catalog and SQL functions show them, in capitals: NO_DATA, COMPLETED, SCAN … */
const char *name_of(RefreshAction action);
const char *name_of(RefreshStatus status);
const char *name_of(InitiatedBy initiated_by);

/* One refresh. Times are microseconds as in TimestampTz; 0 means none. */
struct Refresh {
    int64_t refresh_id = 0; /* assigned when the row is written */
    uint32_t relid = 0;
    int64_t data_timestamp = 0;
    int64_t started_at = 0;
    int64_t ended_at = 0;
    RefreshAction action = RefreshAction::skip;
    RefreshStatus status = RefreshStatus::completed;
    InitiatedBy initiated_by = InitiatedBy::scheduler;
    int64_t rows_inserted = 0;
    int64_t rows_deleted = 0;
    int64_t delta_rows = 0;
    bool was_full_fallback = false;
    std::string error_message;
    std::string reason;     /* why this kind of refresh was chosen, or why it started from nothing */
    bool is_fill = false;   /* a full refresh of an empty stream table */
    int64_t generation = 0; /* generation of the definition */
    std::vector<scheduler::Measured> measured;

    /* Whether the refresh completed and could have been a delta or a full one. */
    bool is_choice() const
    {
        return status == RefreshStatus::completed && (action == RefreshAction::differential || was_full_fallback);
    }
};

/* Sums over all refreshes of a stream table with this action since counting began; pruning the history does
 * not change them. Times as above, sums in microseconds. */
struct Statistics {
    uint32_t relid = 0;
    RefreshAction action = RefreshAction::skip;
    int64_t refreshes = 0; /* completed refreshes */
    int64_t failures = 0;
    int64_t rows_inserted = 0;
    int64_t rows_deleted = 0;
    int64_t delta_rows = 0;
    int64_t total_us = 0;
    int64_t max_us = 0;
    int64_t last_us = 0;
    int64_t first_at = 0;
    int64_t completed_at = 0; /* end of the last completed refresh */
    int64_t chosen_at = 0;    /* end of the last completed refresh that was not a first fill */
    int64_t failed_at = 0;
    std::string error_message; /* message of the last failure */
    int64_t fills = 0;         /* number of `refreshes` that were first fills */
    int64_t fill_us = 0;       /* part of total_us that first fills took */
};

/* The functions below concern the database that this process is connected to. C++ frames. */
void append_history(const std::vector<Refresh> &refreshes);
/* Returns the newest rows first; relid 0 means all stream tables of the database. */
std::vector<Refresh> read_history(uint32_t relid, int max_rows);
/* Passes the rows of read_history() to `take` one by one, until `take` returns false: a history may be too
 * long for memory. */
void each_refresh(uint32_t relid, int64_t max_rows, const std::function<bool(const Refresh &)> &take);
/* Returns the latest refresh with is_choice(), including those of the current transaction; nothing if there
 * is none. */
std::optional<Refresh> read_last_choice(uint32_t relid);
/* Returns the measured costs of delta and full refreshes, oldest first. */
std::vector<scheduler::Measured> read_measured(uint32_t relid, int64_t generation);
/* Returns the sums by stream table and action. */
std::vector<Statistics> read_statistics();

/* To be called when the current transaction has created a stream table: removes what refreshes of a dropped one with
 * the same OID have left. OIDs are used again after 2^32 of them, and the owner may be another one. */
void forget_refreshes_of_dropped(uint32_t relid);

/* Records a refresh of the current transaction; called after the refresh and before the end of the
 * transaction. The row is written when the transaction has ended, after its commit is visible, with status
 * FAILED if the transaction or the subtransaction rolled back. */
void append_history_at_end(const Refresh &refresh);

} // namespace pgtrickle::catalog
