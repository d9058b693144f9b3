#include "refresh/code/known_stream_tables.hpp"

#include "pg/context.hpp"
#include "pg/invalidation_listeners.hpp"

extern "C" {
#include "utils/memutils.h"
#include "utils/syscache.h"
}

#include <iterator>
#include <unordered_map>
#include <utility>

namespace pgtrickle::refresh {

namespace {

struct Known {
    UsedObjects objects;
    bool is_valid = false; /* and found by each of `objects` */
};

/* Process-local; created at the first use, lives as long as the process. */
struct KnownStreamTables {
    std::unordered_map<Oid, Known> all;
    UserIndex<Known> users;
    bool has_invalid = false;
};

KnownStreamTables *known = nullptr;
uint64 changes = 0;

KnownStreamTables &known_stream_tables()
{
    if (known == nullptr)
        known = make_in<KnownStreamTables>(TopMemoryContext);
    return *known;
}

void forget(Known &one)
{
    one.is_valid = false;
    known->has_invalid = true;
}

void forget_all()
{
    changes++;
    if (known != nullptr)
        for (auto &[relid, one] : known->all)
            forget(one);
}

void forget_users(const UsedObject &object)
{
    changes++;
    if (known != nullptr)
        known->users.visit_users(object, forget);
}

void remove_invalid()
{
    KnownStreamTables &mine = known_stream_tables();
    if (!std::exchange(mine.has_invalid, false))
        return;
    for (auto item = mine.all.begin(); item != mine.all.end();) {
        Known &one = item->second;
        if (!one.is_valid)
            mine.users.remove(one, one.objects);
        item = one.is_valid ? std::next(item) : mine.all.erase(item);
    }
}

} // namespace

bool is_known_stream_table(Oid relid)
{
    if (known == nullptr)
        return false;
    const auto found = known->all.find(relid);
    return found != known->all.end() && found->second.is_valid;
}

uint64 changes_of_code()
{
    return changes;
}

void keep_known(Oid relid, UsedObjects objects, uint64 as_of)
{
    if (changes != as_of)
        return;
    remove_invalid();
    KnownStreamTables &mine = known_stream_tables();
    mine.has_invalid = true; /* until it is complete */
    Known &one = mine.all[relid];
    one.objects = std::move(objects);
    mine.users.add(one, one.objects);
    one.is_valid = true;
    mine.has_invalid = false;
}

void watch_known_code()
{
    listen_to_used_objects<forget_users, forget_all>(
        {AUTHOID, OPEROID, AMOPOPID, AMPROCNUM, CLAOID, AGGFNOID, RANGETYPE});
}

} // namespace pgtrickle::refresh
