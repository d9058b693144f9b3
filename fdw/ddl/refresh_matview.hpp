/*
 * REFRESH MATERIALIZED VIEW of a source.
 *
 * The statement fires no trigger. Its change is the difference between the rows before and after it, as a
 * Z-set:
 *
 *     Δ = new rows − old rows, summed by image
 *
 * which is written to the change log in the same transaction. The lock of the statement is taken before the
 * old rows are read, so no other REFRESH can come between. The cost is proportional to the size of the view,
 * as that of the statement itself.
 */
#pragma once

#include "fdw/ddl/utility_call.hpp"

namespace pgtrickle {

/* Returns true if the statement refreshes a source. PostgreSQL frame. */
bool is_refreshing_source(const RefreshMatViewStmt *statement);
/* Executes the statement and logs the difference. C++ frame. */
void refresh_materialized_view(const UtilityCall &call);

} // namespace pgtrickle
