#include "fdw/read/session/function_reads.hpp"

#include "fdw/scan/served_relation.hpp"
#include "pg/context.hpp"

extern "C" {
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
}

namespace pgtrickle {

namespace {

/* Beyond these limits everything is forgotten, and learned again. */
constexpr int max_functions = 1024, max_relids = 16;

struct KnownFunction {
    uint32 hash; /* of its OID, as in PlanInvalItem; the key */
    int count;
    Oid relids[max_relids];
};

HTAB *known = nullptr;

bool has(const Oid *relids, int count, Oid relid)
{
    for (int i = 0; i < count; i++)
        if (relids[i] == relid)
            return true;
    return false;
}

void add(uint32 hash, Oid relid)
{
    bool is_found;
    auto *function = static_cast<KnownFunction *>(hash_search(known, &hash, HASH_ENTER, &is_found));
    if (!is_found || function->count == max_relids)
        function->count = 0;
    if (!has(function->relids, function->count, relid))
        function->relids[function->count++] = relid;
}

} // namespace

void remember_function_reads(const PlannedStmt *caller, const Oid *relids, int count)
{
    ListCell *cell;
    foreach (cell, caller->invalItems) {
        const auto *item = lfirst_node(PlanInvalItem, cell);
        if (item->cacheId != PROCOID)
            continue;
        if (known != nullptr && hash_get_num_entries(known) >= max_functions) {
            hash_destroy(known);
            known = nullptr;
        }
        if (known == nullptr)
            known = new_session_table<uint32, KnownFunction>("pg_trickle functions that read stream tables", 16);
        for (int i = 0; i < count; i++)
            add(item->hashValue, relids[i]);
    }
}

Oid *function_reads_of(const PlannedStmt *plan, int *count)
{
    Oid *relids = nullptr;
    *count = 0;
    if (known == nullptr || plan->invalItems == NIL)
        return nullptr;
    ListCell *cell;
    foreach (cell, plan->invalItems) {
        const auto *item = lfirst_node(PlanInvalItem, cell);
        if (item->cacheId != PROCOID)
            continue;
        const auto *function = static_cast<KnownFunction *>(hash_search(known, &item->hashValue, HASH_FIND, nullptr));
        for (int i = 0; function != nullptr && i < function->count; i++) {
            const Oid relid = function->relids[i];
            if (relids == nullptr)
                relids = static_cast<Oid *>(palloc(sizeof(Oid) * max_relids * list_length(plan->invalItems)));
            if (!has(relids, *count, relid) && find_served_relation(relid) != nullptr)
                relids[(*count)++] = relid;
        }
    }
    return relids;
}

} // namespace pgtrickle
