#include "engine/operators/joins/join_key.hpp"

#include "engine/operators/joins/join.hpp"

#include <algorithm>

namespace pgtrickle::engine {

KeyedInputs::KeyedInputs(const std::vector<PlanPtr> &inputs, const Condition &condition) : keys_(inputs.size())
{
    for (size_t i = 0; i < inputs.size(); i++)
        keys_[i].resize(inputs[i]->row_key().size());
    const auto add = [&](const Expression &side, const Expression &other) {
        if (side.as_column() < 0)
            return;
        const auto [input, column] = origin_in_concatenation(inputs, side.as_column());
        const std::vector<int> &key = inputs[input]->row_key();
        ReadInputs read;
        for (int position : other.columns())
            read.push_back(origin_in_concatenation(inputs, position).first);
        for (size_t k = 0; k < key.size(); k++)
            if (key[k] == column)
                keys_[input][k].push_back(read);
    };
    for (const Condition::Pair &pair : condition.equalities) {
        add(pair.left, pair.right);
        add(pair.right, pair.left);
    }
}

KeyedInputs::Set KeyedInputs::determined(Set by) const
{
    for (bool is_growing = true; is_growing;) {
        is_growing = false;
        for (size_t i = 0; i < keys_.size(); i++)
            if (!by[i] && is_bound(i, by))
                by[i] = is_growing = true;
    }
    return by;
}

bool KeyedInputs::is_bound(size_t input, const Set &by) const
{
    const auto is_subset = [&](const ReadInputs &read) {
        return std::all_of(read.begin(), read.end(), [&](int other) { return by[other]; });
    };
    return !keys_[input].empty() && std::all_of(keys_[input].begin(), keys_[input].end(), [&](const Equals &equals) {
        return std::any_of(equals.begin(), equals.end(), is_subset);
    });
}

std::vector<int> joined_key(const std::vector<PlanPtr> &inputs, const Condition &condition,
                            const std::vector<bool> &may_be_omitted)
{
    if (std::any_of(inputs.begin(), inputs.end(), [](const PlanPtr &input) { return input->row_key().empty(); }))
        return {};
    const KeyedInputs keyed(inputs, condition);
    KeyedInputs::Set kept(inputs.size(), true);
    for (size_t i = inputs.size(); i-- > 0;) {
        kept[i] = false;
        kept[i] = !may_be_omitted[i] || !keyed.determined(kept)[i];
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

} // namespace pgtrickle::engine
