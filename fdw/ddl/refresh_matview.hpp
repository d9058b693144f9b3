/*
 * REFRESH MATERIALIZED VIEW of a source.
 *
 * The statement fires no trigger. Its change is the difference between the rows before and after it, as a
 * Z-set:
 *
 *     Δ = new rows − old rows, summed by image
 *
 * which is written to the change log in the same transaction. The lock of the statement is taken before it is looked up
 * whether the view is a source, since it could become one while PostgreSQL waits for this lock, and before the old rows
 * are read, so no other REFRESH can come between. The cost is proportional to the size of the view, as that of the
 * statement itself.
 *
 * A materialized view WITH NO DATA, as a dump creates it, must not be filled from a stream table that lacks rows
 * because its own fill is still to come, or because its schedule allows it to be stale. So the first REFRESH first
 * brings the stream tables that it reads up to date. It locks the view after that: what is refreshed with these, as the
 * members of a refresh group, may read the view, and would wait for the lock. In REPEATABLE READ and SERIALIZABLE the
 * snapshot of the statement is older than such a refresh, so it reads them exactly.
 */
#pragma once

#include "fdw/ddl/user_statement.hpp"

namespace pgtrickle {

/* Returns true if the statement refreshes a source, or fills a view. Locks any other view than one that it fills.
 * PostgreSQL frame. */
bool is_our_refresh(const RefreshMatViewStmt *statement);
/* Executes the statement, after the refreshes that it needs, and logs the difference. C++ frame. */
void refresh_materialized_view(const UserStatement &call);

/* Returns the query of a view or materialized view, or nullptr if it has none; PostgreSQL's get_view_query() is for
 * views only. PostgreSQL frame. */
Query *query_of_view(Relation view);

} // namespace pgtrickle
