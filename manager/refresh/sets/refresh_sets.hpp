/*
 * Who is refreshed together, as the catalogs have it: atomic diamonds, and refresh groups.
 *
 * Invariant: a refresh knows all that was bound by transactions that had let go of their locks when it got its object locks,
 * whatever the manager knew when it sent the job. Whoever writes what binds announces it by state::invalidate_refresh_sets():
 * PostgreSQL sends that after the commit (of a prepared transaction, too) and before it lets the locks go. Whoever
 * refreshes looks for news after he has got his. That is early enough: who binds stream tables by filling one above them holds
 * their object locks until then, and what binds without a fill, an option or a group, promises nothing of the states they are in.
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

    /* Ascending, itself included; empty: none but itself. Of those that have been looked around, and whom they are bound to. */
    const std::vector<Oid> &bond_of(Oid relid) const { return diamonds_.bound_to(relid); }
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
