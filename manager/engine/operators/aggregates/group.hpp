/*
 * How a group is kept: the states of its aggregates, how a delta changes them, and how the output is computed
 * from them. The families fill in a Group through GroupBuilder.
 *
 * A group's input rows are called i and have columns k1 … (keys), a1 … (arguments), w1 … (windows) and, in a
 * delta, pgt_weight. States are referred to by number, `#3`, until their physical names are known; `##` is a
 * plain `#`.
 *
 * Invariant: for each state, merging the delta's value into the old value yields the value of `full` on the
 * new rows, unless `recompute` holds. Therefore filling and refreshing produce the same bytes.
 */
#pragma once

#include "engine/operators/aggregates/aggregate.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace pgtrickle::engine {

struct GroupState {
    Column column;     /* its name is a proposal */
    std::string delta; /* an aggregate over i.…, weighted */
    std::string full;  /* the same aggregate over plain rows */
    std::string merge; /* over o.#… and d.#… */
};

/* An aggregate of i.… over all rows of the same key, as a column of i for the states. */
struct GroupWindow {
    std::string delta;
    std::string full;
};

/* An extremum, whose rows an index on the keys and the argument has at one end. */
struct GroupEnd {
    int extremum; /* its states */
    int ties;
    int argument;
    bool is_maximum;
};

struct Group {
    PlanPtr input;
    std::vector<int> keys;
    std::vector<Column> key_columns;
    std::vector<Expression> arguments; /* expressions over the input's columns */
    std::vector<GroupWindow> windows;
    std::vector<GroupState> states;     /* the first state is the number of rows */
    std::vector<std::string> recompute; /* conditions, any of which causes a recomputation: over o.#… and d.#… */
    /* Ordinary changes cause recomputations, not only NaN or a change of scale: an index on the key is
     * worthwhile. */
    bool is_often_recomputed = false;
    /* The extrema of columns; and whether a recomputation changes no state but theirs. */
    std::vector<GroupEnd> ends;
    bool is_recomputed_for_ends = true;
    /* Output columns of the aggregates, over the slots keys, then states. */
    std::vector<Expression> outputs;
    std::set<int> states_of_delta_only; /* not in the arrangement */
};

/* Names of an extremum's parts, for a family that builds on it. */
struct Extremum {
    int state;             /* number of the state that has the extremum itself */
    std::string is_beaten; /* condition over o.#… and d.#…: the delta's extremum becomes the new one */
};

/* Escapes a text of a query, such as a call or the name of a type, which may contain the sign of a state. */
std::string without_state_names(const std::string &text);

class GroupBuilder {
  public:
    explicit GroupBuilder(Group &group) : group_(group) {}

    /* Returns `i.aN`, the call's argument, NULL where its filter is not true. */
    std::string argument(const AggregateCall &call);
    /* Returns column `position` of the input: `i.kN` if it is a key, else an argument. */
    std::string input_column(int position);
    int state(Column column, std::string delta, std::string full, std::string merge);
    /* Returns the number that the next state will have. */
    int next_state() const { return static_cast<int>(group_.states.size()); }
    /* Returns the state created before under the same key, or -1. */
    int known(const std::string &key) const;
    void remember(const std::string &key, int state) { known_[key] = state; }
    /* Adds a state that exists in the delta only, from which the need for a recomputation is determined. */
    int delta_state(Column column, std::string delta);
    std::string window(std::string delta, std::string full);
    void expect_recomputation() { group_.is_often_recomputed = true; }
    void recompute_if(std::string condition)
    {
        group_.recompute.push_back(std::move(condition));
        group_.is_recomputed_for_ends = false;
    }
    /* Returns `text`, in which `#n` represents state n, as an output of type `result`. */
    Expression output(const std::string &text, const Column &result) const;
    Expression output_state(int state) const;

    /* Adds the number of values that are not NULL. */
    int count_of(const std::string &argument);
    /* Adds a sum that is NULL when count_of is zero, from a delta and a full aggregate. */
    int sum_of(const std::string &key, const std::string &argument, Column column, std::string delta, std::string full);
    /* Adds the extremum of `value` and the number of rows that have it; returns the former. */
    int extremum_of(const std::string &value, Column column, bool is_maximum, bool is_image)
    {
        return extremum(value, std::move(column), is_maximum, is_image).state;
    }
    /* As extremum_of(), with all parts. */
    Extremum extremum(const std::string &value, Column column, bool is_maximum, bool is_image);
    /* Adds the value of `full`, an aggregate over i.…, as a state that is always recomputed and never
     * merged. */
    int recomputed(const Column &column, const std::string &full);
    /* Whether a window can distinguish the rows of a group, which requires an order of the keys. */
    bool has_windows() const;
    const Group &group() const { return group_; }
    /* Returns `i.aN` for an expression over the input's columns. */
    std::string add_argument(const Expression &argument);

  private:
    void recompute_at_end(const GroupEnd &end, const std::string &value, const std::vector<std::string> &conditions);

    Group &group_;
    std::map<std::string, int> known_;
    std::map<std::string, Extremum> extrema_;
};

/* Returns the keys as the group shows them (shown_key.cpp), from rows of which `shown` is true. */
std::vector<Expression> shown_keys(GroupBuilder &builder, const std::optional<Expression> &shown);

/* Returns the group of an aggregate node, as it is kept over `input`, its lowered input. */
Group group_of(const Aggregate &aggregate, PlanPtr input);

} // namespace pgtrickle::engine
