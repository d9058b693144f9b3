#include "refresh/program/used_objects.hpp"

extern "C" {
#include "nodes/plannodes.h"
#include "optimizer/optimizer.h"
}

#include <algorithm>

namespace pgtrickle::refresh {

std::vector<CachedObject> objects_of(const Query *query)
{
    List *items = call([=] {
        List *relations, *found;
        bool has_row_security;
        extract_query_dependencies(static_cast<Node *>(copyObjectImpl(query)), &relations, &found, &has_row_security);
        return found;
    });
    std::vector<CachedObject> objects;
    for (int i = 0; i < list_length(items); i++) {
        const auto *item = static_cast<const PlanInvalItem *>(list_nth(items, i));
        objects.push_back({item->cacheId, item->hashValue});
    }
    return objects;
}

bool is_among(const std::vector<CachedObject> &objects, int cache, uint32 hash)
{
    return std::any_of(objects.begin(), objects.end(), [=](const CachedObject &object) {
        return object.cache == cache && (hash == 0 || object.hash == hash);
    });
}

} // namespace pgtrickle::refresh
