/*
 * A program run in memory, as a refresh runs it in PostgreSQL: delta plans through the
 * reference evaluator, states by the SQL text that is printed for them.
 */
#pragma once

#include "engine/program.hpp"
#include "engine/step_plan.hpp"
#include "toy.hpp"

#include <random>

namespace law {

using namespace pgtrickle::engine;

/* Thrown when the law does not hold; the message says where. */
struct Broken : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class Machine final : public Evaluation {
  public:
    Machine(const PlanPtr &plan, std::vector<ZSet> sources, unsigned seed);

    /* Fills every arrangement from nothing. */
    void fill();
    /* Takes in one delta a source. Throws Broken. */
    void refresh(const std::vector<ZSet> &deltas);

    Value evaluate(const Expression &expression, const Row &row) const override
    {
        return evaluate_expression(expression, row);
    }
    Value equality_class(const Column &column, const Value &value) const override;
    Value aggregate(const Expression &call, const ZSet &rows) const override;
    std::vector<Row> rows(const Expression &rows, const Row &row) const override { return evaluate_rows(rows, row); }
    ZSet state(DeltaInput input) const override;
    ZSet delta(DeltaInput input) const override;
    ZSet stored(int step) const override { return stored_.at(step); }
    std::vector<Value> windowed(const Expression &call, const std::vector<Row> &rows) const override
    {
        return evaluate_window(call, rows);
    }
    bool is_touched(const Row &key) const override;
    ZSet kept(int step) const override;

  private:
    using Physical = std::map<std::string, Value>; /* a heap row by column name */
    using Groups = std::map<Row, Physical>;
    using WeightedRows = std::vector<std::pair<Row, int64_t>>;

    void refresh_step(int step, const pgtrickle::engine::ChangedInputs &changed);
    void refresh_groups(int step, const std::vector<DeltaInput> &changed);
    void check(int step) const;
    void check_reserve(int step) const;
    Groups full_groups(int step, const std::vector<PlanPtr> &inputs) const;
    Physical states(int step, const Row &key, const WeightedRows &rows, bool is_delta) const;
    void add_finals(int step, Physical &row) const;
    std::map<Row, WeightedRows> by_key(int step, const ZSet &rows) const;
    void stir(const Group &group, std::map<Row, WeightedRows> &groups);
    ZSet output_of_groups(int step) const;
    ZSet output_of(int step, const ZSet &stored) const;
    bool chance(int one_in) { return std::uniform_int_distribution<int>(1, one_in)(random_) == 1; }

    PlanPtr plan_;
    Program program_;
    std::vector<ZSet> sources_, source_deltas_;
    std::vector<ZSet> rows_;     /* by step: its output */
    std::vector<ZSet> stored_;   /* by step of layout rows: with hidden columns */
    std::vector<Groups> groups_; /* by step */
    std::vector<ZSet> step_deltas_;
    std::map<Row, bool> touched_;
    std::vector<Column> touched_columns_;
    std::mt19937 random_;
};

} // namespace law
