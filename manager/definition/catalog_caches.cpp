#include "definition/catalog_caches.hpp"

extern "C" {
#include "utils/catcache.h"
#include "utils/relcache.h"
}

namespace pgtrickle {

void drop_relcache_entry(Oid relid)
{
    call([=] { RelationCacheInvalidateEntry(relid); });
}

void trim_catalog_caches()
{
    constexpr int most_calls = 64;
    static int calls = 0;
    if (++calls % most_calls == 0)
        call([] { ResetCatalogCaches(); });
}

} // namespace pgtrickle
