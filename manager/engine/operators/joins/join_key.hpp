/*
 * Which inputs of a join have one row at most for each row of others, and the key of the join that follows.
 *
 * An input is bound by others if each column of its key equals an expression over these, as orders bind their customer
 * by orders.customer = customers.id. It is determined by them if it is bound by them and by what they determine.
 */
#pragma once

#include "engine/operators/operator.hpp"

namespace pgtrickle::engine {

class KeyedInputs {
  public:
    using Set = std::vector<bool>; /* for each input of the join, whether it is in the set */

    KeyedInputs(const std::vector<PlanPtr> &inputs, const Condition &condition);

    /* Returns `by` with the inputs that it determines. */
    Set determined(Set by) const;
    bool is_bound(size_t input, const Set &by) const;

  private:
    using ReadInputs = std::vector<int>;    /* by an expression */
    using Equals = std::vector<ReadInputs>; /* the expressions that a column equals */

    std::vector<std::vector<Equals>> keys_; /* for each input, the columns of its key */
};

/* Returns the key of a join; an input may be omitted from it only if it has at most one row for each combination of the
 * other inputs' rows. */
std::vector<int> joined_key(const std::vector<PlanPtr> &inputs, const Condition &condition,
                            const std::vector<bool> &may_be_omitted);

} // namespace pgtrickle::engine
