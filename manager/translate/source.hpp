/*
 * The relations a query reads.
 */
#pragma once

#include "translate/expression.hpp"
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

    /* Adds `used` to the columns of the source and returns its number. Refuses a relation
     * whose changes are not captured. */
    int add(const RangeTblEntry *entry, const std::set<AttrNumber> &used);
    const std::set<AttrNumber> &columns(int source) const { return columns_[source]; }
    /* Whether a scan was made of fewer columns than are now known. */
    bool needs_another_pass() const;
    void start_pass() { scanned_.clear(); }
    std::vector<SourceRef> result() const;

  private:
    Oid owner_;
    std::vector<SourceRef> sources_;
    std::vector<std::set<AttrNumber>> columns_;
    std::vector<std::pair<int, size_t>> scanned_; /* source, number of columns then */
};

/* A column of the relation that every query may read instead of none. */
AttrNumber cheapest_column(Oid relid);

} // namespace pgtrickle::translate
