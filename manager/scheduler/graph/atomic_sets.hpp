/*
 * Atomic sets: stream tables that are refreshed together or not at all.
 *
 * One is an atomic diamond's apex and those of its members that have the same owner. Diamonds that have a member in common
 * are one set, so a set has one owner. A stream table is in one set at most, and a set has two members at least.
 *
 * A manager finds the sets of its whole graph, a refresh those around its members as the catalogs have them, by one function;
 * a job carries the sets that the manager knows of, and the refresh compares them with its own.
 * Pure C++; a value. Throws bad_alloc only.
 */
#pragma once

#include "scheduler/graph/graph.hpp"

#include <functional>
#include <map>
#include <unordered_map>

namespace pgtrickle::scheduler {

class AtomicSets {
  public:
    /* Makes one set of `members` and of all sets that one of them is in. */
    void add(Ids members);
    void add(const AtomicSets &others);

    /* The set that `id` is in, itself included, ascending; empty: it is in none. Good until the next add(). */
    const Ids &of(Id id) const;
    /* The first member of that set; 0: it is in none. */
    Id first_of(Id id) const;
    /* All sets, by their first members. */
    const std::map<Id, Ids> &all() const { return sets_; }
    bool is_empty() const { return sets_.empty(); }

    /* What is left of the sets without those that are not among `ids`. */
    AtomicSets among(const Ids &ids) const;
    /* Whether a refresh that goes by these sets keeps `set` together. */
    bool cover(const Ids &set) const;

    bool operator==(const AtomicSets &) const = default;

  private:
    std::map<Id, Ids> sets_;
    std::unordered_map<Id, Id> first_; /* by member */
};

/* The sets of the diamonds whose apexes are among `ids`, which contains with each stream table all that it reads. `apexes`, if
 * given, is set to those whose diamonds are atomic and not only of others. Asks `is_atomic` only about possible apexes; throws
 * what the functions throw. Costs little more than one walk over a graph whose diamonds hang together; one over all that is
 * below an apex for each apex where they do not. */
AtomicSets find_atomic_sets(const Graph &graph, const Ids &ids, const std::function<bool(Id)> &is_atomic,
                            const std::function<Id(Id)> &owner_of, Ids *apexes = nullptr);

} // namespace pgtrickle::scheduler
