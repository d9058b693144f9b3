/*
 * How much history is kept, for as long as its database is there. By time: what ended before `before` goes. By size: a thousand refreshes a second
 * would be billions of rows; beyond most_rows the oldest rows of those stream tables that have the most
 * are merged, by the hour, into history_hour, so that none has more than any other needs, and none
 * is cut below least_each. Failed refreshes are merged last.
 *
 * In batches of some hundred rows, a transaction each: writers wait for a batch at most. Within Database::run();
 * pure C++.
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

/* Some of what is too old. True if there may be more. */
bool prune_old(Database &catalog, int64_t before);

int64_t newest_refresh(Database &catalog);

/* A stream table with rows to merge. */
struct Excess {
    uint32_t database = 0;
    uint32_t relid = 0;
    int64_t rows = 0;
};
/* Reads all of an index where there may be more than most_rows. */
std::vector<Excess> excesses_of(Database &catalog, const Retention &retention);
/* Some of them, of as many stream tables as a batch has room for; counts them down. True while there are more. */
bool merge_some(Database &catalog, std::vector<Excess> *excesses);

/* Some of what any table with a column `database` keeps of a database that is gone, its history first. True if there is more:
 * until then known_databases() knows it. */
bool forget_some(Database &catalog, uint32_t database);

} // namespace pgtrickle::catalog
