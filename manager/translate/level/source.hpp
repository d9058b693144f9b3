/*
 * The relations a query reads.
 */
#pragma once

#include "translate/expression/expression.hpp"
#include "translate/translate.hpp"

#include <map>
#include <set>

namespace pgtrickle::translate {

/* Numbers the sources and gathers the columns read of each. Every scan of a source has the
 * same columns: the union of what the whole query reads of it. That is known after one pass
 * over the query, so a query that reads different columns in different places takes a second
 * pass, which finds the union at its first look. */
class Sources {
  public:
    explicit Sources(Oid owner) : owner_(owner) {}

    /* Adds `used` to the columns of the source, which `read_by` reads (none: who asks), and returns its number. Refuses a relation
     * whose changes are not captured. */
    int add(const RangeTblEntry *entry, Oid read_by, const std::set<AttrNumber> &used);
    const std::set<AttrNumber> &columns(int source) const { return columns_[source]; }
    /* Whether a scan was made of fewer columns than are now known. */
    bool needs_another_pass() const;
    void start_pass() { scanned_.clear(); }
    std::vector<SourceRef> result() const;
    /* What stands for `scan`, a scan of the source with all columns known: the scan, or of a source that is
     * compared its copy, one for all its scans. */
    engine::PlanPtr plan_of(int source, engine::PlanPtr scan);

    /* Until the next call, what is added is read by the owner of the stream table too, beside whom else. */
    void set_read_by_owner(bool is_read) { is_read_by_owner_ = is_read; }
    bool is_read_by_owner() const { return is_read_by_owner_; }
    Oid owner() const { return owner_; }

  private:
    Oid owner_;
    std::vector<SourceRef> sources_;
    std::vector<std::set<AttrNumber>> columns_;
    std::vector<std::pair<int, size_t>> scanned_; /* source, number of columns then */
    std::map<std::pair<int, int>, engine::PlanPtr> copies_; /* by source and number of columns */
    bool is_read_by_owner_ = false;
};

/* Whether nothing tells the changes of the relation: a foreign table that is no stream table. PostgreSQL frame. */
bool is_compared(Oid relid);

/* A column of the relation that every query may read instead of none. */
AttrNumber cheapest_column(Oid relid);

} // namespace pgtrickle::translate
