/*
 * The key of a join: the keys of its inputs, without those that the others determine.
 *
 * An input is determined if each column of its key equals an expression over inputs that are kept or determined
 * themselves, as orders determine their customer by orders.customer = customers.id.
 */
#include "engine/operators/joins/join.hpp"

#include <algorithm>

namespace pgtrickle::engine {

namespace {

using Inputs = std::vector<bool>; /* for each input of the join, whether it is in the set */

class KeyedInputs {
  public:
    KeyedInputs(const std::vector<PlanPtr> &inputs, const Condition &condition) : inputs_(inputs), condition_(condition)
    {
    }

    bool is_determined(size_t input, Inputs by) const
    {
        for (bool is_growing = true; is_growing && !by[input];) {
            is_growing = false;
            for (size_t i = 0; i < inputs_.size(); i++)
                if (!by[i] && is_bound(i, by))
                    by[i] = is_growing = true;
        }
        return by[input];
    }
    bool is_bound(size_t input, const Inputs &by) const
    {
        const std::vector<int> &key = inputs_[input]->row_key();
        return !key.empty() && std::all_of(key.begin(), key.end(), [&](int column) {
            return std::any_of(condition_.equalities.begin(), condition_.equalities.end(),
                               [&](const Condition::Pair &pair) {
                                   return (is_column(pair.left, input, column) && reads_only(pair.right, by)) ||
                                          (is_column(pair.right, input, column) && reads_only(pair.left, by));
                               });
        });
    }

  private:
    bool is_column(const Expression &side, size_t input, int column) const
    {
        return side.as_column() >= 0 &&
               origin_in_concatenation(inputs_, side.as_column()) == std::pair{static_cast<int>(input), column};
    }
    bool reads_only(const Expression &side, const Inputs &inputs) const
    {
        const std::vector<int> columns = side.columns();
        return std::all_of(columns.begin(), columns.end(),
                           [&](int column) { return inputs[origin_in_concatenation(inputs_, column).first]; });
    }

    const std::vector<PlanPtr> &inputs_;
    const Condition &condition_;
};

} // namespace

std::vector<int> joined_key(const std::vector<PlanPtr> &inputs, const Condition &condition,
                            const std::vector<bool> &may_be_omitted)
{
    if (std::any_of(inputs.begin(), inputs.end(), [](const PlanPtr &input) { return input->row_key().empty(); }))
        return {};
    const KeyedInputs keyed(inputs, condition);
    Inputs kept(inputs.size(), true);
    for (size_t i = inputs.size(); i-- > 0;) {
        kept[i] = false;
        kept[i] = !may_be_omitted[i] || !keyed.is_determined(i, kept);
    }
    std::vector<int> key;
    int first = 0;
    for (size_t i = 0; i < inputs.size(); i++) {
        if (kept[i])
            for (int column : inputs[i]->row_key())
                key.push_back(first + column);
        first += inputs[i]->width();
    }
    return key;
}

bool is_determined(const std::vector<PlanPtr> &inputs, const Condition &condition, size_t number,
                   const std::vector<bool> &by)
{
    return KeyedInputs(inputs, condition).is_determined(number, by);
}

bool is_bound(const std::vector<PlanPtr> &inputs, const Condition &condition, size_t number,
              const std::vector<bool> &by)
{
    return KeyedInputs(inputs, condition).is_bound(number, by);
}

} // namespace pgtrickle::engine
