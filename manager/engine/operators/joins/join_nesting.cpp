/*
 * A join of n inputs as nested joins of two inputs. Each input joins those before it by an equality if there
 * is one to any of them, so that no delta is joined with all rows of an input unless the query requires it; an
 * input that is filtered and has one row at most for the rows before it comes first, as it makes them fewer. A
 * condition is evaluated at the first join that has the columns it reads.
 */
#include "engine/operators/filter.hpp"
#include "engine/operators/joins/join.hpp"
#include "engine/operators/joins/semi_join.hpp"
#include "engine/operators/project.hpp"

#include <algorithm>

namespace pgtrickle::engine {

namespace {

/* Position of each input's columns: in the order written, and in the order of nesting. */
struct Places {
    std::vector<int> starts;   /* indexed by input, and the width of all inputs */
    std::vector<int> input_of; /* indexed by column as written */

    explicit Places(const std::vector<PlanPtr> &inputs)
    {
        starts.push_back(0);
        for (size_t i = 0; i < inputs.size(); i++) {
            input_of.insert(input_of.end(), static_cast<size_t>(inputs[i]->width()), static_cast<int>(i));
            starts.push_back(starts.back() + inputs[i]->width());
        }
    }
};

std::vector<int> slots_of(const Expression &expression)
{
    std::vector<int> slots;
    for (const auto &piece : expression.pieces)
        if (piece.index() == 1)
            slots.push_back(std::get<1>(piece));
    return slots;
}

bool reads_only(const Expression &expression, const Places &places, const std::vector<bool> &known)
{
    auto slots = slots_of(expression);
    return std::all_of(slots.begin(), slots.end(), [&](int slot) { return known[places.input_of[slot]]; });
}

/* Whether there is an equality between a column of the known inputs and one of `candidate`. */
bool is_connected(const Condition &condition, const Places &places, std::vector<bool> known, size_t candidate)
{
    std::vector<bool> alone(known.size());
    alone[candidate] = true;
    return std::any_of(condition.equalities.begin(), condition.equalities.end(), [&](const Condition::Pair &pair) {
        return (reads_only(pair.left, places, known) && reads_only(pair.right, places, alone)) ||
               (reads_only(pair.right, places, known) && reads_only(pair.left, places, alone));
    });
}

/* Whether the rows of `input` are some of those of a table. */
bool is_filtered(PlanPtr input)
{
    while (dynamic_cast<const Project *>(input.get()) != nullptr)
        input = input->inputs()[0];
    const auto *semi = dynamic_cast<const SemiJoin *>(input.get());
    return dynamic_cast<const Filter *>(input.get()) != nullptr || (semi != nullptr && semi->is_filter());
}

std::vector<size_t> order_of(const std::vector<PlanPtr> &inputs, const Condition &condition, const Places &places)
{
    const size_t count = inputs.size();
    std::vector<size_t> order{0}, left;
    std::vector<bool> known(count);
    known[0] = true;
    for (size_t i = 1; i < count; i++)
        left.push_back(i);
    while (!left.empty()) {
        auto next = std::find_if(left.begin(), left.end(), [&](size_t input) {
            return is_connected(condition, places, known, input) && is_filtered(inputs[input]) &&
                   is_determined(inputs, condition, input, known);
        });
        if (next == left.end())
            next = std::find_if(left.begin(), left.end(),
                                [&](size_t input) { return is_connected(condition, places, known, input); });
        if (next == left.end())
            next = left.begin();
        known[*next] = true;
        order.push_back(*next);
        left.erase(next);
    }
    return order;
}

/* Removes from `condition` the parts that the known inputs can decide, and returns them. */
Condition take_decided(Condition &condition, const Places &places, const std::vector<bool> &known)
{
    Condition decided, rest;
    for (auto &pair : condition.equalities)
        (reads_only(pair.whole, places, known) ? decided : rest).equalities.push_back(pair);
    for (auto &other : condition.others)
        (reads_only(other, places, known) ? decided : rest).others.push_back(other);
    condition = rest;
    return decided;
}

/* Swaps the sides of equalities whose left side does not belong to the earlier input. */
void turn_around(Condition &condition, int first_of_later)
{
    for (auto &pair : condition.equalities) {
        auto slots = slots_of(pair.left);
        if (!slots.empty() && slots.front() >= first_of_later)
            std::swap(pair.left, pair.right);
    }
}

} // namespace

PlanPtr Join::nested() const
{
    Places places(inputs());
    Condition undecided = condition_;
    std::vector<bool> known(inputs().size());
    std::vector<int> position(places.input_of.size());
    PlanPtr joined;
    for (size_t input : order_of(inputs(), condition_, places)) {
        int width = joined ? joined->width() : 0;
        known[input] = true;
        for (int column = places.starts[input]; column < places.starts[input + 1]; column++)
            position[column] = width + column - places.starts[input];
        if (!joined) {
            joined = inputs()[input];
            continue;
        }
        Condition decided = renumber(take_decided(undecided, places, known), position);
        turn_around(decided, width);
        joined = join({joined, inputs()[input]}, decided);
    }
    std::vector<NamedExpression> outputs;
    for (int column = 0; column < width(); column++)
        outputs.push_back({column_reference(position[column], columns()[column]), columns()[column].name});
    return project(joined, outputs);
}

} // namespace pgtrickle::engine
