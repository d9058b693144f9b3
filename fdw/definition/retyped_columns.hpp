/*
 * ALTER COLUMN … TYPE of columns that defining queries read.
 *
 * PostgreSQL refuses it for what a view reads, as the type of an expression may change with it. A defining query is
 * analyzed again from its text instead: a column of the stream table gets the type that the query has for it then,
 * unless the text casts it, and the same follows for stream tables that read that column. The statement fails if a text
 * cannot be analyzed any more, or if a view of a user reads a column that would get another type.
 *
 * The session must have the rights of their owners, as a superuser has: their queries are analyzed, and the stream
 * tables filled, in its statement. PostgreSQL refuses it for a view of another role, so that it may also fail or take
 * long for one. All code of an owner runs with the owner's rights, and in the session of another role known code only
 * (refresh/code/interpreted_code.hpp).
 *
 * C++ frames; they throw PgError.
 */
#pragma once

#include "definition/query/released_queries.hpp"
#include "fdw/definition/redefinition.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

#include <vector>

namespace pgtrickle {

class RetypedColumns {
  public:
    /* Before the statement: releases the columns of `relid` to which it gives another type, and those of its
     * partitions and children, from the queries of stream tables. Raises 0A000 for one of another role, or one that may
     * run code of another role. */
    void release(Oid relid, const AlterTableStmt *statement);

    /* After the statement: has a stream table that it has retyped itself filled by follow(). */
    void add(Redefined redefined) { redefined_.push_back(std::move(redefined)); }

    /* After the statement: defines these stream tables again, and fills all. Returns those whose columns got other
     * types by this. */
    std::vector<Oid> follow();

  private:
    void release_column(Oid relid, AttrNumber column);
    Oid take_next();
    bool follow_one(Oid relid);

    std::vector<Oid> released_; /* stream tables whose queries are to be analyzed again */
    definition::ReleasedQueries released_queries_{released_};
    std::vector<Redefined> redefined_;
};

} // namespace pgtrickle
