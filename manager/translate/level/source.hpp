/*
 * The relations a query reads.
 */
#pragma once

#include "translate/expression/expression.hpp"

#include <map>
#include <set>

namespace pgtrickle::translate {

struct SourceRef {
    Oid relid;
    /* What the query reads, ascending, never empty: the columns of every engine scan of this
     * source, in this order. */
    std::vector<AttrNumber> columns;
    bool is_stream_table;
    /* Of an inheritance parent only its own rows: then `columns` has tableoid, by which the changes of
     * its children are left out. */
    bool is_only;
    /* A foreign table: nothing tells its changes, so it is compared with a copy at each refresh. */
    bool is_compared;
    /* It is below a security_barrier view, so the owner of the stream table must be one who may read it himself. */
    bool is_read_by_owner;
    /* Set by those who define stream tables: false where its owner may not have the source captured. */
    bool is_captured = true;
};

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

/* A column of the relation that every query may read instead of none. */
AttrNumber cheapest_column(Oid relid);

} // namespace pgtrickle::translate
