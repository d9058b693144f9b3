/*
 * How much history is kept while its database exists.
 *
 * By time: rows that ended before `before` are removed. By size: a thousand refreshes a second would make
 * billions of rows. Beyond most_rows, the oldest rows of the stream tables that have the most rows are merged
 * by the hour into history_hour, down to a common limit per stream table, which is least_each at least.
 * Failed refreshes are merged last. Dropped stream tables share one small limit.
 *
 * The work is done in batches of some hundred rows, a transaction each, so that a writer waits for one batch
 * at most. For use within Database::run(); pure C++.
 */
#pragma once

#include "catalog/file/database.hpp"

#include <vector>

namespace pgtrickle::catalog {

struct Retention {
    int64_t before = 0;
    int64_t most_rows = 1'000'000;
    int64_t least_each = 1000;
};

/* Removes a batch of rows that are too old. Returns true if there may be more. */
bool prune_old(Database &catalog, int64_t before);

/* Removes a batch of rows of stream tables that are not registered, but for the newest `most_rows` of all these
 * together: otherwise a role could fill the disk by stream tables that fail and are dropped. */
void prune_unregistered(Database &catalog, uint32_t database, int64_t most_rows);

int64_t newest_refresh(Database &catalog);

/* A stream table with `rows` rows to be merged. */
struct Excess {
    uint32_t database = 0;
    uint32_t relid = 0;
    int64_t rows = 0;
};
/* Returns the stream tables that have rows to be merged. Reads all of an index if there may be more than
 * most_rows. */
std::vector<Excess> excesses_of(Database &catalog, const Retention &retention);
/* Merges a batch of rows, of as many stream tables as fit, and subtracts them from `excesses`. Returns true
 * while there are more. */
bool merge_some(Database &catalog, std::vector<Excess> *excesses);

/* Removes a batch of rows of a database that no longer exists from the tables that have a column `database`,
 * history first. Returns true if there may be more; until it returns false, known_databases() includes the
 * database. */
bool forget_some(Database &catalog, uint32_t database);

/* Whether there is history of a stream table, be it one that was dropped and had the same OID. */
bool has_history(Database &catalog, uint32_t database, uint32_t relid);
/* Removes all that refreshes of a stream table have left. */
void forget_refreshes(Database &catalog, uint32_t database, uint32_t relid);

} // namespace pgtrickle::catalog
