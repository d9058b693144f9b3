/*
 * Changes of definitions by a prepared transaction are announced when it is committed.
 */
#pragma once

#include "fdw/ddl/user_statement.hpp"

namespace pgtrickle {

void commit_prepared(const UserStatement &utility);   /* Executes COMMIT PREPARED. C++ frame. */
void rollback_prepared(const UserStatement &utility); /* Executes ROLLBACK PREPARED. C++ frame. */

/* Entry of fdw/module.cpp. PostgreSQL frame. */
void announce_before_prepare(XactEvent event);

/* Registers the invalidation callback. Called once, by _PG_init, if the library is preloaded. */
void register_prepared();

} // namespace pgtrickle
