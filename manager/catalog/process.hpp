/*
 * The catalog as this process of PostgreSQL uses it: the file pg_trickle/catalog.db in the
 * data directory. C++ frames; a failure is reported once a process, as a WARNING, which
 * is all these functions can raise.
 */
#pragma once

#include "catalog/tables.hpp"
#include "pg/boundary.hpp"

namespace pgtrickle::catalog {

/* To be called by _PG_init when the library is being preloaded. */
void register_catalog();

/* Database::run on this process's connection. */
bool run(const std::function<void(Database &)> &work);
/* As Database::take_is_new(). */
bool take_is_new();
void checkpoint();

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
