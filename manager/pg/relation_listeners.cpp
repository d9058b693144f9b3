#include "pg/relation_listeners.hpp"

extern "C" {
#include "utils/inval.h"
#include "utils/syscache.h"
}

namespace pgtrickle {

namespace {

constexpr int most_listeners = 10;
RelationListener listeners[most_listeners];
int listener_count = 0;

extern "C" void pgtrickle_relation_is_invalidated(Datum, Oid relation)
{
    for (int i = 0; i < listener_count; i++)
        listeners[i](relation);
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

void invalidate_if_exists(Oid relation)
{
    if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relation)))
        CacheInvalidateRelcacheByRelid(relation);
}

} // namespace pgtrickle
