/*
 * The catalog as this process of PostgreSQL uses it: the file pg_trickle/catalog.db in the
 * data directory. C++ frames; a failure is reported once a process, as a WARNING, which
 * is all these functions can raise.
 */
#pragma once

#include "catalog/tables/tables.hpp"
#include "pg/boundary.hpp"

namespace pgtrickle::catalog {

/* Entries of fdw/module.cpp, PostgreSQL frames: the history of refreshes is written when the transaction has ended. */
void at_transaction_event(XactEvent event);
void at_subtransaction_event(SubXactEvent event, SubTransactionId self, SubTransactionId parent);

/* Database::run and Database::read on this process's connection. */
bool run(const Database::Work &work);
bool read(const Database::Work &work);
/* As Database::take_is_new(). */
bool take_is_new();
void checkpoint();
/* Removes history that ended before `before`, and merges what is too much, for some milliseconds at most. True
 * if there is more to do. */
bool prune_history(int64_t before);
/* Some of what is kept of a database that is gone, for as long. True if there is more to do. */
bool forget_history(uint32_t database);

/* The file as this process finds it, without a WARNING. */
struct Condition {
    std::string path;
    int64_t bytes = 0;     /* its write-ahead log included */
    std::string fault;     /* why it cannot be used; empty: it can */
};
Condition condition();

/* In a transaction: what this process's database is called now. */
void note_database_name();
/* This cluster, as of its control file, and the name that was noted last. */
Cluster this_cluster();

} // namespace pgtrickle::catalog
