/*
 * Commands on stream tables that PostgreSQL itself refuses, or for which its message would be misleading.
 */
#pragma once

#include "pg/hooks.hpp"

namespace pgtrickle {

/* Entries of fdw/module.cpp. PostgreSQL frames. */
void lock_table(const UtilityCall &call);                  /* LockStmt */
void refuse_copy_to_stream_table(const UtilityCall &call); /* CopyStmt */

} // namespace pgtrickle
