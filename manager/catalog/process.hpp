/*
 * The connection of the current process to the catalog, the file pg_trickle/catalog.db in the data directory.
 *
 * C++ frames. These functions raise nothing but a WARNING: a failure is reported once, and again only after
 * history has been written successfully in between.
 */
#pragma once

#include "catalog/tables/tables.hpp"
#include "pg/boundary.hpp"

namespace pgtrickle::catalog {

/* Entries of fdw/module.cpp, PostgreSQL frames: they write the history of refreshes when the transaction has
 * ended. */
void at_transaction_event(XactEvent event);
void at_subtransaction_event(SubXactEvent event, SubTransactionId self, SubTransactionId parent);

/* Database::run() on the connection of this process. */
bool run(const Database::Work &work);
/* Database::take_is_new() on the connection of this process. */
bool take_is_new();
void checkpoint();
/* Removes history that ended before `before`, and merges rows beyond the limit of retention.hpp. Stops after
 * a fraction of a second; returns true if there is more to do. `count_due` is the refresh_id from which the rows are
 * counted again, at first 0: counting takes long, and is repeated after some thousand refreshes only. */
bool prune_history(int64_t before, int64_t *count_due);
/* Removes rows of a database that no longer exists. Stops after a fraction of a second; returns true if there
 * is more to do. */
bool forget_history(uint32_t database);

/* The state of the file, determined without a WARNING. */
struct FileCondition {
    std::string path;
    int64_t bytes = 0; /* including its write-ahead log */
    std::string fault; /* why the file cannot be used; empty if it can */
};
FileCondition condition();

/* Remembers the current name of the database of this process, for this_cluster(). Needs a transaction. */
void note_database_name();
/* Returns this cluster, as its control file identifies it, with the name that note_database_name() remembered
 * last. */
Cluster this_cluster();

} // namespace pgtrickle::catalog
