/*
 * A join of n inputs as nested joins of two inputs.
 *
 * Only the deltas of a single join are planned together: the delta of the joins before an input is complete when it
 * meets that input. So the first input is one whose rows determine most of the others (the lines of orders determine
 * the orders, and these their customers), and inputs that determine each other are one input to it (orders and
 * customers): a changed row meets no more rows than it has in the result, and what filters customers filters orders
 * before these meet lines. Of these groups, filtered ones come first, as they leave fewer rows; then come inputs that
 * are joined by an equality to any of those before them, so that no delta is joined with all rows of an input unless
 * the query requires it, and then with a filtered one first. A condition is evaluated at the first join that has the
 * columns it reads.
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

/* Inputs of a join that are joined with each other first, in the order written. */
using Group = std::vector<size_t>;
using Inputs = KeyedInputs::Set;

Inputs set_of(const Group &group, size_t count)
{
    Inputs set(count);
    for (size_t input : group)
        set[input] = true;
    return set;
}

/* Whether the rows of `input` are some of those of a table. */
bool is_filtered(PlanPtr input)
{
    while (dynamic_cast<const Project *>(input.get()) != nullptr)
        input = input->inputs()[0];
    const auto *semi = dynamic_cast<const SemiJoin *>(input.get());
    return dynamic_cast<const Filter *>(input.get()) != nullptr || (semi != nullptr && semi->kind() != SemiKind::mark);
}

class Nesting {
  public:
    Nesting(const std::vector<PlanPtr> &inputs, const Condition &condition, const Places &places)
        : inputs_(inputs), condition_(condition), places_(places), keyed_(inputs, condition)
    {
    }

    /* Returns all inputs in groups, in the order in which these are joined. */
    std::vector<Group> order() const
    {
        std::vector<Group> left = groups();
        std::vector<Group> order{left.front()};
        Inputs known = set_of(left.front(), inputs_.size());
        left.erase(left.begin());
        while (!left.empty()) {
            auto next = std::find_if(left.begin(), left.end(), [&](const Group &group) {
                return is_connected(known, group) && is_filtered_once_determined(known, group);
            });
            if (next == left.end())
                next = std::find_if(left.begin(), left.end(),
                                    [&](const Group &group) { return is_connected(known, group); });
            if (next == left.end())
                next = std::find_if(left.begin(), left.end(), [&](const Group &group) { return has_filter(group); });
            if (next == left.end())
                next = left.begin();
            for (size_t input : *next)
                known[input] = true;
            order.push_back(*next);
            left.erase(next);
        }
        return order;
    }

  private:
    size_t determined_count(size_t by) const
    {
        const Inputs determined = keyed_.determined(set_of({by}, inputs_.size()));
        return static_cast<size_t>(std::count(determined.begin(), determined.end(), true));
    }
    /* The input that determines most inputs; the first of them. */
    size_t first() const
    {
        size_t best = 0, most = 0;
        for (size_t i = 0; i < inputs_.size(); i++)
            if (size_t count = determined_count(i); count > most) {
                best = i;
                most = count;
            }
        return best;
    }
    /* The first input; each input that it determines, with those that this one determines; the others. */
    std::vector<Group> groups() const
    {
        const size_t count = inputs_.size();
        std::vector<Group> groups{{first()}};
        Inputs is_free(count, true);
        is_free[groups[0][0]] = false;
        for (size_t i = 0; i < count; i++)
            if (is_free[i] && keyed_.is_bound(i, set_of(groups[0], count))) {
                groups.push_back({i});
                is_free[i] = false;
            }
        for (size_t g = 1; g < groups.size(); g++) {
            for (size_t size = 0; size != groups[g].size();) {
                size = groups[g].size();
                for (size_t i = 0; i < count; i++)
                    if (is_free[i] && keyed_.is_bound(i, set_of(groups[g], count))) {
                        groups[g].push_back(i);
                        is_free[i] = false;
                    }
            }
            std::sort(groups[g].begin(), groups[g].end());
        }
        for (size_t i = 0; i < count; i++)
            if (is_free[i])
                groups.push_back({i});
        return groups;
    }
    /* Whether there is an equality between the known inputs and the group. */
    bool is_connected(const Inputs &known, const Group &group) const
    {
        const Inputs alone = set_of(group, inputs_.size());
        return std::any_of(
            condition_.equalities.begin(), condition_.equalities.end(), [&](const Condition::Pair &pair) {
                return (reads_only(pair.left, places_, known) && reads_only(pair.right, places_, alone)) ||
                       (reads_only(pair.right, places_, known) && reads_only(pair.left, places_, alone));
            });
    }
    bool has_filter(const Group &group) const
    {
        return std::any_of(group.begin(), group.end(), [&](size_t input) { return is_filtered(inputs_[input]); });
    }
    /* Whether the known inputs' rows have one row of the group at most, and some have none. */
    bool is_filtered_once_determined(const Inputs &known, const Group &group) const
    {
        if (!has_filter(group))
            return false;
        const Inputs determined = keyed_.determined(known);
        return std::all_of(group.begin(), group.end(), [&](size_t input) { return determined[input]; });
    }

    const std::vector<PlanPtr> &inputs_;
    const Condition &condition_;
    const Places &places_;
    const KeyedInputs keyed_;
};

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
    const Places places(inputs());
    Condition undecided = condition_;
    std::vector<int> position(places.input_of.size());
    /* The group's columns have positions from `start` on. */
    const auto joined_group = [&](const Group &group, int start) {
        std::vector<PlanPtr> members;
        std::vector<int> place = position;
        int width = 0;
        for (size_t input : group) {
            members.push_back(inputs()[input]);
            for (int column = places.starts[input]; column < places.starts[input + 1]; column++, width++) {
                place[column] = width;
                position[column] = start + width;
            }
        }
        if (members.size() == 1)
            return members.front();
        const Condition decided = take_decided(undecided, places, set_of(group, inputs().size()));
        return join(members, renumber(decided, place));
    };
    Inputs known(inputs().size());
    PlanPtr joined;
    for (const Group &group : Nesting(inputs(), condition_, places).order()) {
        const int width = joined ? joined->width() : 0;
        const PlanPtr next = joined_group(group, width);
        for (size_t input : group)
            known[input] = true;
        if (!joined) {
            joined = next;
            continue;
        }
        Condition decided = renumber(take_decided(undecided, places, known), position);
        turn_around(decided, width);
        joined = join({joined, next}, decided);
    }
    std::vector<NamedExpression> outputs;
    for (int column = 0; column < width(); column++)
        outputs.push_back({column_reference(position[column], columns()[column]), columns()[column].name});
    return project(joined, outputs);
}

} // namespace pgtrickle::engine
