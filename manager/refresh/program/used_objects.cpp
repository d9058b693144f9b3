#include "refresh/program/used_objects.hpp"

extern "C" {
#include "nodes/plannodes.h"
#include "optimizer/optimizer.h"
}

namespace pgtrickle::refresh {

void add_used(UsedObjects *objects, const List *relations, const List *items)
{
    for (int i = 0; i < list_length(relations); i++)
        objects->push_back({UsedObject::relation, list_nth_oid(relations, i)});
    for (int i = 0; i < list_length(items); i++) {
        const auto *item = static_cast<const PlanInvalItem *>(list_nth(items, i));
        objects->push_back({item->cacheId, item->hashValue});
    }
    std::sort(objects->begin(), objects->end());
    objects->erase(std::unique(objects->begin(), objects->end()), objects->end());
}

void add_used_by_query(UsedObjects *objects, const Query *query)
{
    List *items = call([=] {
        List *relations, *found;
        bool has_row_security;
        extract_query_dependencies(static_cast<Node *>(copyObjectImpl(query)), &relations, &found, &has_row_security);
        return found;
    });
    add_used(objects, NIL, items);
}

} // namespace pgtrickle::refresh
