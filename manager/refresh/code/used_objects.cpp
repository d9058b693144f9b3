#include "refresh/code/used_objects.hpp"

extern "C" {
#include "access/transam.h"
#include "nodes/plannodes.h"
#include "optimizer/optimizer.h"
#include "utils/syscache.h"
}

namespace pgtrickle::refresh {

namespace {

void leave_each_once(UsedObjects *objects)
{
    std::sort(objects->begin(), objects->end());
    objects->erase(std::unique(objects->begin(), objects->end()), objects->end());
}

} // namespace

void add_used(UsedObjects *objects, const List *relations, const List *items)
{
    for (int i = 0; i < list_length(relations); i++)
        objects->push_back({UsedObject::relation, list_nth_oid(relations, i)});
    for (int i = 0; i < list_length(items); i++) {
        const auto *item = static_cast<const PlanInvalItem *>(list_nth(items, i));
        objects->push_back({item->cacheId, item->hashValue});
    }
    leave_each_once(objects);
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

void add_known(UsedObjects *objects, const KnownObjects &known)
{
    auto add = [&](int cache, const List *oids) {
        ListCell *cell;
        foreach (cell, oids)
            if (const Oid object = lfirst_oid(cell); object >= FirstNormalObjectId)
                objects->push_back(
                    {cache, call([=] { return GetSysCacheHashValue1(cache, ObjectIdGetDatum(object)); })});
    };
    add(PROCOID, known.functions);
    add(TYPEOID, known.types);
    leave_each_once(objects);
}

} // namespace pgtrickle::refresh
