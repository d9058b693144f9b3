/*
 * Names of relations in the statements of a program.
 */
#pragma once

#include "engine/plan/plan.hpp"

#include <limits>

namespace pgtrickle::engine {

/* How a statement refers to the relations it reads. All names are FROM items without alias, quoted and
 * qualified where applicable. */
class RelationNames {
  public:
    virtual ~RelationNames() = default;
    /* Returns the new state of a source: `ONLY public.orders`, or a parenthesised query. */
    virtual std::string source(int index) const = 0;
    /* Returns the heap of an earlier step's arrangement, with all physical columns. */
    virtual std::string arrangement(int step) const = 0;
    /* Returns the delta of a source or step: its columns, then pgt_weight bigint. */
    virtual std::string delta(DeltaInput input) const = 0;
    /* For groups: returns the touched groups to be recomputed, with the key columns, or with all columns of the
     * arrangement (Step::takes_merged_states). */
    virtual std::string touched() const = 0;
    /* Whether the statement is planned for the true number of the changed rows, which are many; otherwise its plan is
     * one for few rows, and runs for more. */
    virtual bool has_many_changes() const { return false; }
    /* Whether an index begins with one of these terms of a source or of an arrangement. */
    virtual bool has_index_for(DeltaInput, const std::vector<IndexTerm> &) const { return true; }
    /* Whether an index of a source or of an arrangement begins with these columns, in any order, and then has `first`,
     * if given: the rows of a key are read from it in their order, or in the opposite one. */
    virtual bool has_order_for(DeltaInput, const std::vector<IndexTerm> &, const std::optional<OrderTerm> &) const
    {
        return true;
    }
    /* Returns how many rows of a source or of an arrangement have the same values of these terms on average; infinity
     * if statistics do not say. */
    virtual double rows_of_value(DeltaInput, const std::vector<IndexTerm> &) const
    {
        return std::numeric_limits<double>::infinity();
    }
};

} // namespace pgtrickle::engine
