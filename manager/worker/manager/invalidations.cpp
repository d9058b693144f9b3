#include "worker/manager/invalidations.hpp"

#include "pg/invalidation_listeners.hpp"

extern "C" {
#include "utils/syscache.h"
}

#include <utility>

namespace pgtrickle::worker {

namespace {

constexpr size_t most_remembered = 4096;

Invalidated &invalidated()
{
    static Invalidated instance;
    return instance;
}

void forget_all() noexcept
{
    invalidated().is_all = true;
    invalidated().relids.clear();
}

void note_altered(Oid relid)
{
    Invalidated &mine = invalidated();
    if (mine.is_all)
        return;
    if (!OidIsValid(relid) || mine.relids.size() >= most_remembered) {
        forget_all();
        return;
    }
    try {
        mine.relids.insert(relid);
    } catch (...) {
        forget_all();
    }
}

/* The name of a schema is part of what is shown of a stream table. */
void note_altered_schema(int, uint32)
{
    forget_all();
}

} // namespace

void watch_invalidations()
{
    listen_to_relations(note_altered);
    listen_to_cache(NAMESPACEOID, note_altered_schema);
}

Invalidated take_invalidated()
{
    return std::exchange(invalidated(), Invalidated{});
}

} // namespace pgtrickle::worker
