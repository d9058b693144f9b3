/*
 * A stream table is compiled: its definition is loaded, its query translated, and its heaps are described.
 *
 * The result is that of the catalogs at that moment, and has no plans yet. What it was built from is among its
 * `objects`: an invalidation of one that arrives meanwhile is noticed by the caller. C++ frame; throws PgError.
 */
#pragma once

#include "refresh/program/compiled.hpp"

namespace pgtrickle::refresh {

/* Returns a new object, which lives in a memory context of its own below TopMemoryContext. The caller holds a lock on
 * the stream table, and has the right to compile it. */
Compiled *compile(Oid relid);

} // namespace pgtrickle::refresh
