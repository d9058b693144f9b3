#include "pg/invalidation_listeners.hpp"

extern "C" {
#include "utils/inval.h"
#include "utils/syscache.h"
}

#include <algorithm>

namespace pgtrickle {

namespace {

constexpr int most_listeners = 16;
RelationListener listeners[most_listeners];
int listener_count = 0;

constexpr int most_cache_listeners = 40;
int caches[most_cache_listeners]; /* of the listeners */
CacheListener cache_listeners[most_cache_listeners];
int cache_listener_count = 0;

extern "C" void pgtrickle_relation_is_invalidated(Datum, Oid relation)
{
    for (int i = 0; i < listener_count; i++)
        listeners[i](relation);
}

extern "C" void pgtrickle_cache_is_invalidated(Datum, int cache, uint32 hash)
{
    for (int i = 0; i < cache_listener_count; i++)
        if (caches[i] == cache)
            cache_listeners[i](cache, hash);
}

} // namespace

void listen_to_relations(RelationListener listener)
{
    if (listener_count == most_listeners)
        elog(FATAL, "out of listeners to relations");
    if (listener_count == 0)
        CacheRegisterRelcacheCallback(pgtrickle_relation_is_invalidated, Datum{0});
    listeners[listener_count++] = listener;
}

void listen_to_cache(int cache, CacheListener listener)
{
    if (cache_listener_count == most_cache_listeners)
        elog(FATAL, "out of listeners to system caches");
    if (std::find(caches, caches + cache_listener_count, cache) == caches + cache_listener_count)
        CacheRegisterSyscacheCallback(cache, pgtrickle_cache_is_invalidated, Datum{0});
    caches[cache_listener_count] = cache;
    cache_listeners[cache_listener_count++] = listener;
}

void invalidate_if_exists(Oid relation)
{
    if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relation)))
        CacheInvalidateRelcacheByRelid(relation);
}

} // namespace pgtrickle
