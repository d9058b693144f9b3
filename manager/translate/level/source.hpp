/*
 * The relations that a query reads.
 */
#pragma once

#include "translate/expression/expression.hpp"

#include <map>
#include <set>

namespace pgtrickle::translate {

struct SourceRef {
    Oid relid;
    /* Columns that the query reads, ascending, never empty; every engine scan of this source has these
     * columns, in this order. */
    std::vector<AttrNumber> columns;
    bool is_stream_table;
    /* Only the rows of an inheritance parent itself are read: `columns` then has tableoid, by which the
     * changes of its children are excluded. */
    bool is_only;
    /* The source is a foreign table: its changes cannot be captured, so it is compared with a copy at each
     * refresh. */
    bool is_compared;
    /* A security_barrier view reads the source, so the owner of the stream table must be allowed to read it
     * itself. */
    bool is_read_by_owner;
    /* Set by code that defines stream tables: false if the owner may not have the source captured. */
    bool is_captured = true;
};

/* Numbers the sources and collects the columns read of each. Every scan of a source has the same columns: the
 * union of those that the whole query reads. The union is known after one pass over the query, so a query
 * that reads different columns in different places takes a second pass, in which each scan has the union from
 * the beginning. */
class Sources {
  public:
    explicit Sources(Oid owner) : owner_(owner) {}

    /* Adds `used` to the columns of the source, which `read_by` reads (InvalidOid: the current user), and
     * returns its number. Refuses a relation whose changes are not captured. */
    int add(const RangeTblEntry *entry, Oid read_by, const std::set<AttrNumber> &used);
    const std::set<AttrNumber> &columns(int source) const { return columns_[source]; }
    /* Whether a scan has fewer columns than are now known. */
    bool needs_another_pass() const;
    void start_pass() { scanned_.clear(); }
    std::vector<SourceRef> result() const;
    /* Returns the plan for a scan of the source with all columns known: the scan itself or, for a source that
     * is compared, its copy, which all its scans share. */
    engine::PlanPtr plan_of(int source, std::vector<engine::Column> columns);

    /* Sets whether the owner of the stream table counts as a reader of the sources added from now on, besides
     * other roles. */
    void set_read_by_owner(bool is_read) { is_read_by_owner_ = is_read; }
    bool is_read_by_owner() const { return is_read_by_owner_; }
    Oid owner() const { return owner_; }

  private:
    Oid owner_;
    std::vector<SourceRef> sources_;
    std::vector<std::set<AttrNumber>> columns_;
    std::vector<std::pair<int, size_t>> scanned_;           /* source, and number of columns at the time of the scan */
    std::map<std::pair<int, int>, engine::PlanPtr> copies_; /* by source and number of columns */
    bool is_read_by_owner_ = false;
};

/* Returns a column of the relation for a query that reads none. */
AttrNumber cheapest_column(Oid relid);

} // namespace pgtrickle::translate
