/*
 * Functions and types that a query uses: as rows of system caches, by the hash that their invalidations have. C++ frames, but
 * for is_among(), which callbacks call.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

#include <vector>

namespace pgtrickle::refresh {

struct CachedObject {
    int cache;
    uint32 hash;
};

/* Of an analyzed query that has not been planned. Built-in ones are left out, as PostgreSQL does for plans. */
std::vector<CachedObject> objects_of(const Query *query);

/* Whether an invalidation concerns any of them; 0 is the hash of all. */
bool is_among(const std::vector<CachedObject> &objects, int cache, uint32 hash);

} // namespace pgtrickle::refresh
