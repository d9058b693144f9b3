/*
 * Queries that do not fit their sources while a statement alters the types of columns that they read
 * (fdw/definition/retyped_columns.hpp). Code that runs in the statement, as an event trigger, may read the stream
 * tables.
 */
#pragma once

#include "pg/versions/postgres.hpp"

#include <vector>

namespace pgtrickle::definition {

/* During its lifetime the queries of the stream tables in `relids`, which it follows as they change, are released. */
class ReleasedQueries {
  public:
    explicit ReleasedQueries(const std::vector<Oid> &relids);
    ~ReleasedQueries();
    ReleasedQueries(const ReleasedQueries &) = delete;
    ReleasedQueries &operator=(const ReleasedQueries &) = delete;

    /* Raises 55000 if the query of the stream table is released. PostgreSQL frame. */
    static void refuse(Oid relid);

  private:
    const std::vector<Oid> &relids_;
    const ReleasedQueries *outer_;
};

} // namespace pgtrickle::definition
