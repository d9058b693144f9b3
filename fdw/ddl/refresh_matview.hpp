/*
 * REFRESH MATERIALIZED VIEW of a source.
 *
 * No trigger fires. What it changed is the difference between the rows before and after, as a Z-set:
 *
 *     Δ = new rows − old rows, summed by image
 *
 * which goes to the change log in the same transaction. The lock of the statement is taken before the
 * old rows are read, so no other REFRESH comes in between. Its cost follows the view's size, as
 * that of the statement does.
 */
#pragma once

#include "fdw/ddl/utility_call.hpp"

namespace pgtrickle {

/* RefreshMatViewStmt. PostgreSQL frame. */
bool is_refreshing_source(const RefreshMatViewStmt *statement);
/* C++ frame. */
void refresh_materialized_view(const UtilityCall &call);

} // namespace pgtrickle
