/*
 * What a prepared transaction did to definitions is told when it is committed.
 */
#pragma once

#include "fdw/ddl/utility_call.hpp"

namespace pgtrickle {

void commit_prepared(const UtilityCall &utility); /* COMMIT PREPARED. C++ frame. */

/* Entry of fdw/module.cpp. PostgreSQL frame. */
void announce_before_prepare(XactEvent event);

/* Called once, by _PG_init, if the library is preloaded. */
void register_prepared();

} // namespace pgtrickle
