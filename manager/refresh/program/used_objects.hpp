/*
 * Functions and types that a query uses: as rows of system caches, by the hash values of their invalidations.
 * C++ frames, except for is_among(), which callbacks call.
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

/* Returns the objects of an analyzed query that has not been planned, without built-in ones, which PostgreSQL
 * omits for plans, too. */
std::vector<CachedObject> objects_of(const Query *query);

/* Whether an invalidation concerns any of the objects; a hash of 0 means all. */
bool is_among(const std::vector<CachedObject> &objects, int cache, uint32 hash);

} // namespace pgtrickle::refresh
