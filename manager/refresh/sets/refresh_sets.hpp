/*
 * The stream tables that are refreshed together, as the catalogs have them: atomic sets, and refresh groups.
 *
 * Invariant: a refresh knows all sets written by transactions that had released their locks when it got its object locks,
 * whatever the manager knew when it sent the job. A transaction that writes what makes a set calls
 * state::invalidate_refresh_sets(): PostgreSQL sends the invalidation after the commit (of a prepared transaction, too) and before it
 * releases the locks. A refresh looks for news after it has got its locks. That is early enough: a transaction that makes a set
 * by filling a stream table downstream holds the object locks of the set until then, and what makes one without a fill, an
 * option or a group, promises nothing of the states that its members are in.
 *
 * One a process, kept from one refresh to the next: what was looked at is not looked at again until there are news.
 * C++ frames, where nothing else is said; they throw PgError.
 */
#pragma once

#include "refresh/sets/diamond.hpp"

#include <map>

namespace pgtrickle::refresh {

class RefreshSets {
  public:
    /* To be called after the locks. What is returned below is good until the next call. */
    void follow_news();
    void look_around(const std::vector<Oid> &relids);

    /* Those of the stream tables around which look_around() has looked. */
    const scheduler::AtomicSets &atomic_sets() const { return diamonds_.atomic_sets(); }
    const std::vector<Oid> &atomic_set_of(Oid relid) const { return atomic_sets().of(relid); }
    /* Its refresh group: ascending, itself included; empty: it is in none. */
    const std::vector<Oid> &group_of(Oid relid) const;

  private:
    Diamonds diamonds_;
    std::map<Oid, std::vector<Oid>> groups_; /* by each member */
    bool is_whole_ = false; /* false: reading has ended by an error */
};

/* This process's. */
RefreshSets &refresh_sets();

/* Of the relation cache; InvalidOid: all. */
void note_invalidated(Oid relation) noexcept;

} // namespace pgtrickle::refresh
