/*
 * What compiled stream tables and kept plans of this process were made from: relations, and rows of system
 * caches (functions, types), as PostgreSQL's invalidations name them.
 *
 * A UserIndex finds the users of what is invalidated. Invariant: it contains each user once for each of its
 * objects, from add() to remove(). An invalidation therefore costs one look-up, however many entries the
 * process keeps: a session that creates tables sends some of them for each, to all processes.
 */
#pragma once

#include "pg/invalidation_listeners.hpp"
#include "pg/known_objects.hpp"

extern "C" {
#include "nodes/parsenodes.h"
#include "utils/syscache.h"
}

#include <algorithm>
#include <initializer_list>
#include <unordered_map>
#include <vector>

namespace pgtrickle::refresh {

/* A relation by its OID, or a row of the system cache by the hash value of its invalidations. */
struct UsedObject {
    static constexpr int relation = -1;

    int cache = relation;
    uint32 value;

    auto operator<=>(const UsedObject &) const = default;
};

using UsedObjects = std::vector<UsedObject>; /* ascending, without duplicates */

/* Adds relations (a list of OIDs) and rows of system caches (a list of PlanInvalItem). PostgreSQL leaves built-in
 * functions and types out of the latter. */
void add_used(UsedObjects *objects, const List *relations, const List *items);

/* Adds what an analyzed query uses that has not been planned. C++ frame. */
void add_used_by_query(UsedObjects *objects, const Query *query);

/* Adds the functions and types of users that a printed text names. C++ frame. */
void add_known(UsedObjects *objects, const KnownObjects &known);

/* Has `on_object` called with each relation, function and type that is invalidated, and `on_any` where it may be any
 * object: also for a row of `whole_caches`, which are those of other objects that are used. For the life of the
 * process. */
template <void (*on_object)(const UsedObject &), void (*on_any)()>
void listen_to_used_objects(std::initializer_list<int> whole_caches)
{
    listen_to_relations([](Oid relation) {
        if (relation == InvalidOid)
            on_any();
        else
            on_object({UsedObject::relation, relation});
    });
    for (int cache : {PROCOID, TYPEOID})
        listen_to_cache(cache, [](int id, uint32 hash) {
            if (hash == 0)
                on_any();
            else
                on_object({id, hash});
        });
    for (int cache : whole_caches)
        listen_to_cache(cache, [](int, uint32) { on_any(); });
}

template <class User> class UserIndex {
  public:
    void add(User &user, const UsedObjects &objects)
    {
        for (const UsedObject &object : objects)
            users_.emplace(object, &user);
    }

    void remove(User &user, const UsedObjects &objects) noexcept
    {
        for (const UsedObject &object : objects) {
            auto [first, last] = users_.equal_range(object);
            auto found = std::find_if(first, last, [&](const auto &entry) { return entry.second == &user; });
            if (found != last)
                users_.erase(found);
        }
    }

    /* Calls `visit` with each user of the object. Raises no error. */
    template <class Visit> void visit_users(const UsedObject &object, Visit visit) const noexcept
    {
        auto [first, last] = users_.equal_range(object);
        for (auto entry = first; entry != last; ++entry)
            visit(*entry->second);
    }

  private:
    struct Hash {
        size_t operator()(const UsedObject &object) const noexcept
        {
            return std::hash<uint64_t>()(static_cast<uint64_t>(object.cache) << 32 | object.value);
        }
    };

    std::unordered_multimap<UsedObject, User *, Hash> users_;
};

} // namespace pgtrickle::refresh
