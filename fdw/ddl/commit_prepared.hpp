/*
 * What a prepared transaction did to definitions is told when it is committed.
 */
#pragma once

#include "fdw/ddl/utility_call.hpp"

namespace pgtrickle {

void commit_prepared(const UtilityCall &utility); /* COMMIT PREPARED. C++ frame. */

/* Called once, by _PG_init. */
void register_prepared();

} // namespace pgtrickle
