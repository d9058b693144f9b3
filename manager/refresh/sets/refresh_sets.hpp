/*
 * The stream tables that are refreshed together, according to the catalogs: atomic sets and refresh groups.
 *
 * Invariant: a refresh knows all sets written by transactions that had released their locks when it got its
 * object locks, independent of what the manager knew when it sent the job. A transaction that writes what
 * defines a set calls state::invalidate_refresh_sets(): PostgreSQL sends the invalidation after the commit
 * (of a prepared transaction, too) and before it releases the locks. A refresh processes invalidations after
 * it has got its locks. That is early enough: a transaction that creates a set by filling a stream table
 * downstream holds the object locks of the set until then; and a change that creates a set without a fill, of
 * an option or a group, promises nothing about the states of its members.
 *
 * There is one object per process, kept from one refresh to the next: what has been read is not read again
 * until an invalidation arrives. C++ frames, unless said otherwise; they throw PgError.
 */
#pragma once

#include "refresh/sets/diamond.hpp"

#include <map>

namespace pgtrickle::refresh {

class RefreshSets {
  public:
    /* Discards what has been read if an invalidation has arrived. To be called after the locks have been
     * taken. The results of the functions below are valid until the next call. */
    void process_invalidations();
    void read_sets_around(const std::vector<Oid> &relids);

    /* Atomic sets of the stream tables that have been passed to read_sets_around(). */
    const scheduler::AtomicSets &atomic_sets() const { return diamonds_.atomic_sets(); }
    const std::vector<Oid> &atomic_set_of(Oid relid) const { return atomic_sets().of(relid); }
    /* Returns the refresh group of `relid`: ascending, itself included; empty if there is none. */
    const std::vector<Oid> &group_of(Oid relid) const;
    /* Appends the members of the refresh group and of the atomic set of `relid`, around which it reads the sets. */
    void append_members_with(Oid relid, std::vector<Oid> *members);

  private:
    Diamonds diamonds_;
    std::map<Oid, std::vector<Oid>> groups_; /* by member */
    bool is_whole_ = false;                  /* false: reading was ended by an error */
};

/* The object of this process. */
RefreshSets &refresh_sets();

/* Records an invalidation of the relation cache; InvalidOid means all relations. */
void note_invalidated(Oid relation) noexcept;

} // namespace pgtrickle::refresh
