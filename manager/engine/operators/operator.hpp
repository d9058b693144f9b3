/*
 * An operator: a meaning and the derivative of its meaning, in one file.
 *
 *   meaning     evaluates small Z-sets in memory: the oracle, readable and slow;
 *   derivative  returns a plan over deltas and new states whose meaning is the change of
 *               this node's meaning. Deltas are nodes like any other (delta.hpp), so the
 *               reference evaluator and the SQL printer both read the derivative;
 *   keeps       states that the node cannot be printed inline: it keeps an arrangement, and
 *               its derivative is the change that apply made there;
 *   objection   states why it cannot be maintained by deltas;
 *   print       returns its SQL.
 *
 * The law: after any sequence of refreshes, the sum of the emitted deltas equals the meaning of the sum of
 * the inputs.
 *
 * Nodes are immutable and shared; the identity of a node is its address, by which the printer detects that a
 * delta is used twice and computes it once.
 */
#pragma once

#include "engine/plan/plan.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace pgtrickle::engine {

class Differentiator; /* differentiator.hpp */
class Printer;        /* sql.hpp */
struct Select;        /* sql.hpp */

/* The value domain of the reference evaluator: integers and NULL. */
using Value = std::optional<int64_t>;
using Row = std::vector<Value>;

class ZSet {
  public:
    void add(const Row &row, int64_t weight);
    void add(const ZSet &other, int64_t factor = 1);
    void remove(const Row &row) { rows_.erase(row); }
    const std::map<Row, int64_t> &rows() const { return rows_; }
    bool is_empty() const { return rows_.empty(); }
    bool operator==(const ZSet &) const = default;

  private:
    std::map<Row, int64_t> rows_; /* has no zero weights */
};

class PlanNode;

/* The environment of the reference evaluator. */
class Evaluation {
  public:
    virtual ~Evaluation() = default;
    virtual Value evaluate(const Expression &expression, const Row &row) const = 0;
    /* Returns the representative of all values that are equal to `value` in a column like this. */
    virtual Value equality_class(const Column &column, const Value &value) const = 0;
    /* Evaluates an aggregate call over rows of positive weight. */
    virtual Value aggregate(const Expression &call, const ZSet &rows) const = 0;
    /* Returns the rows that `rows` computes from one row. */
    virtual std::vector<Row> rows(const Expression &rows, const Row &row) const = 0;
    virtual ZSet state(DeltaInput input) const = 0;
    virtual ZSet delta(DeltaInput input) const = 0;
    /* Returns the rows of a step's own arrangement, including hidden columns, before they are changed. */
    virtual ZSet stored(int step) const = 0;
    /* Returns the values of a window function for each of the rows of a partition. */
    virtual std::vector<Value> windowed(const Expression &call, const std::vector<Row> &rows) const = 0;
    /* Whether this is the key of a group to be recomputed. */
    virtual bool is_touched(const Row &key) const = 0;
    /* Returns the rows bound to the leaf of a recursion while the recursion is evaluated; outside of that, no
     * rows. */
    ZSet rows_of_leaf(const PlanNode *leaf) const;
    /* Binds the leaf to rows; returns the rows to which it was bound. */
    ZSet bind_leaf(const PlanNode *leaf, ZSet rows) const;
    /* Returns the arrangement of the step itself before the refresh: its keys with their counts, or its
     * rows. */
    virtual ZSet kept(int step) const;
    bool is_true(const Expression &expression, const Row &row) const
    {
        return evaluate(expression, row).value_or(0) != 0;
    }
    bool holds(const Condition &condition, const Row &row) const;

  private:
    mutable std::map<const PlanNode *, ZSet> leaves_;
};

inline void nothing_interrupts() {}

/* Called at each step of each walk of a plan; may throw, so that what takes long can be cancelled. The module sets it,
 * as the engine does not know PostgreSQL. */
inline void (*interruption_point)() = nothing_interrupts;

class PlanNode : public std::enable_shared_from_this<PlanNode> {
  public:
    PlanNode(std::vector<PlanPtr> inputs, std::vector<Column> columns)
        : inputs_(std::move(inputs)), columns_(std::move(columns))
    {
        int reads = 0;
        for (const PlanPtr &input : inputs_) {
            depth_ = std::max(depth_, input->depth_ + 1);
            reads = std::min(most_reads, reads + (input->keeps() ? 1 : input->reads_));
        }
        reads_ = std::max(1, reads);
    }
    virtual ~PlanNode() = default;
    PlanNode(const PlanNode &) = delete;
    PlanNode &operator=(const PlanNode &) = delete;

    const std::vector<PlanPtr> &inputs() const
    {
        interruption_point();
        return inputs_;
    }
    const std::vector<Column> &columns() const { return columns_; }
    int width() const { return static_cast<int>(columns_.size()); }
    /* Returns the number of nodes on the longest path to a leaf, which is the depth of recursive functions
     * over the plan. */
    int depth() const { return depth_; }
    /* Returns how many leaves and arrangements are read by the text of the node, which contains that of an input once
     * for each use; most_reads stands for more. */
    int reads() const { return reads_; }

    /* Returns the operator's name in explain, with its parameters. */
    virtual std::string describe() const = 0;
    /* Returns the construct for which the operator stands, as a user would write it. */
    virtual std::string written() const { return describe(); }
    virtual ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const = 0;
    /* Returns the derivative; null when no input has changed. */
    virtual PlanPtr derivative(Differentiator &differentiator) const = 0;
    virtual bool keeps() const { return false; }
    /* Whether it is linear in each of its inputs. */
    virtual bool is_multilinear() const { return false; }
    /* Whether the output for a row of that input does not depend on the other rows of the input. */
    virtual bool is_linear_in(size_t /* input */) const { return is_multilinear(); }
    virtual std::optional<Objection> objection() const { return std::nullopt; }
    virtual Select print(Printer &printer) const = 0;
    virtual PlanPtr with_inputs(std::vector<PlanPtr> inputs) const = 0;
    /* Whether rows carry a column pgt_weight; otherwise each printed row counts once. */
    virtual bool is_weighted() const;
    /* Returns the input whose state a leaf reads; none for other nodes and for deltas. */
    virtual std::optional<DeltaInput> leaf() const { return std::nullopt; }
    /* Whether the node is a UNION ALL: a filter by key is applied to its inputs, as the planner could not
     * move it there. */
    virtual bool is_union() const { return false; }
    /* Returns the join condition, over the concatenated columns of its inputs; null if the node is no
     * join. */
    virtual const Condition *joins_on() const { return nullptr; }
    /* Returns the expression over the columns of its first input that is looked up by ranges; null if there
     * is none. */
    virtual const Expression *ranges_over() const { return nullptr; }
    /* Whether it has exactly one row, whatever its sources contain. */
    virtual bool has_one_row() const { return false; }
    /* Returns columns whose values together differ from row to row as far as is known, such as those of a primary key
     * that the plan passes on; empty: none are known. By these columns rows are found; the answer does not depend on
     * whether they differ, unless is_key_enforced(). Found once: a join asks each of its inputs several times. */
    const std::vector<int> &row_key() const
    {
        if (!row_key_)
            row_key_ = find_row_key();
        return *row_key_;
    }
    /* Whether they differ at any time, by constraints on the sources. */
    virtual bool is_key_enforced() const;
    /* Whether they may be the same in one row of each of several inputs: rows are found by them all the same, but they
     * are no key. */
    virtual bool is_key_shared() const;
    /* Returns the input and its column that output column `position` passes on unchanged; -1: none. */
    virtual std::pair<int, int> origin(int position) const { return {-1, position}; }

  protected:
    /* Corrects reads(): a statement contains the text of one of the inputs. */
    void is_read_as_one_input()
    {
        reads_ = 1;
        for (const PlanPtr &input : inputs_)
            reads_ = std::max(reads_, input->reads_);
    }

  private:
    virtual std::vector<int> find_row_key() const { return {}; }

    std::vector<PlanPtr> inputs_;
    std::vector<Column> columns_;
    /* Found once: many nodes may read it, and ask for these. */
    mutable std::optional<std::vector<int>> row_key_;
    mutable std::optional<bool> is_weighted_, is_key_enforced_, is_key_shared_;
    static constexpr int most_reads = 1000000;

    int depth_ = 1;
    int reads_ = 1;
};

/* Calls `visit` for each node of the plan, however often it is used, before those below it. */
template <class Visit>
void visit_once(const PlanPtr &plan, const Visit &visit, std::set<const PlanNode *> &&visited = {})
{
    if (!visited.insert(plan.get()).second)
        return;
    visit(plan);
    for (const PlanPtr &input : plan->inputs())
        visit_once(input, visit, std::move(visited));
}

/* Returns how often each node of the plan is an input of another. */
std::map<const PlanNode *, int> uses_of(const PlanPtr &plan);

/* Returns the meaning of the whole plan; a node used twice is evaluated once. */
ZSet evaluate(const PlanPtr &plan, const Evaluation &evaluation);

/* Checks that every slot of `expression` is below `width`. Throws std::invalid_argument. */
void check_slots(const Expression &expression, int width);
void check_condition(const Condition &condition, int width);
/* Returns the condition with slot i replaced by slot map[i]. */
Condition renumber(const Condition &condition, const std::vector<int> &map);

/* Random parameters for the law test; the test implements it. */
class Sampler {
  public:
    virtual ~Sampler() = default;
    virtual int below(int limit) = 0;
    /* Returns a random plan, shallower than the requested one. */
    virtual PlanPtr plan() = 0;
    virtual PlanPtr source(int index) = 0;
    /* Returns a random plan with exactly `width` columns. */
    virtual PlanPtr plan_of_width(int width) = 0;
    virtual Expression scalar(int width) = 0;
    virtual Expression predicate(int width) = 0;
    /* Returns an expression that computes rows of one column. */
    virtual Expression rows(int width) = 0;
    /* Returns `left slot = right slot`. */
    virtual Expression equality(int left, int right) = 0;
    virtual Column column() = 0;
    Condition condition(const std::vector<int> &widths);
};

/* An operator of the table, with the properties that a list-driven test needs. */
struct Operator {
    const char *name;
    const char *kept; /* how it is kept, as a phrase for the README's table */
    PlanPtr (*sample)(Sampler &sampler);
};
const std::vector<Operator> &operator_table(); /* table.cpp */

} // namespace pgtrickle::engine
