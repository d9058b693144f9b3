/*
 * Atomic sets: stream tables that are refreshed together or not at all.
 *
 * An atomic set consists of the apex of an atomic diamond and its members. Stream tables of other owners than the
 * apex's are to the diamond what tables are, so that a set has one owner: where all paths but one pass such stream
 * tables, the apex may reflect two states of the source anyway. Diamonds that have a member in common form one set.
 * A stream table is in at most one set, and a set has at least two members.
 *
 * A manager finds the sets of its whole graph, a refresh finds those around its members as the catalogs have
 * them, by the same function; a job contains the sets that the manager knows, and the refresh compares them
 * with its own. Pure C++; a value. Throws bad_alloc only.
 */
#pragma once

#include "scheduler/graph/graph.hpp"

#include <functional>
#include <map>
#include <unordered_map>

namespace pgtrickle::scheduler {

class AtomicSets {
  public:
    /* Makes one set of `members` and of all sets that contain one of them. */
    void add(Ids members);
    void add(const AtomicSets &others);

    /* The set that contains `id`, itself included, ascending; empty if it is in none. Valid until the next
     * add(). */
    const Ids &of(Id id) const;
    /* The first member of that set; 0 if `id` is in none. */
    Id first_of(Id id) const;
    /* All sets, by their first members. */
    const std::map<Id, Ids> &all() const { return sets_; }
    bool is_empty() const { return sets_.empty(); }

    /* The sets without the members that are not among `ids`. */
    AtomicSets among(const Ids &ids) const;
    /* Whether a refresh that uses these sets keeps `set` together. */
    bool cover(const Ids &set) const;

    bool operator==(const AtomicSets &) const = default;

  private:
    std::map<Id, Ids> sets_;
    std::unordered_map<Id, Id> first_; /* by member */
};

/* Finds the sets of the diamonds whose apexes are among `ids`, which must contain all upstreams of each of
 * its stream tables. `apexes`, if given, is set to the apexes of atomic diamonds. Calls `is_atomic` only for possible
 * apexes; throws what the functions throw. Costs little more than one walk over a graph whose diamonds are connected;
 * where they are not, one walk over everything upstream of an apex for each apex. */
AtomicSets find_atomic_sets(const Graph &graph, const Ids &ids, const std::function<bool(Id)> &is_atomic,
                            const std::function<Id(Id)> &owner_of, Ids *apexes = nullptr);

} // namespace pgtrickle::scheduler
