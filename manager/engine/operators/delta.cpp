/*
 * Deltas, arrangements, and the touched keys of a recomputation: the leaves of derivatives, and their
 * negation. The anti-join's halves are in anti_join.cpp.
 */
#include "engine/operators/delta.hpp"

#include "engine/operators/differentiator.hpp"
#include "engine/operators/sql.hpp"

#include <algorithm>
#include <stdexcept>

namespace pgtrickle::engine {

namespace {

/* Nodes of derivatives are never differentiated. */
class DerivativeNode : public PlanNode {
  public:
    using PlanNode::PlanNode;
    PlanPtr derivative(Differentiator &) const override { throw std::logic_error("a derivative has no derivative"); }
};

class DeltaScan final : public DerivativeNode {
  public:
    DeltaScan(DeltaInput input, std::vector<Column> columns) : DerivativeNode({}, std::move(columns)), input_(input) {}
    std::string describe() const override { return "delta"; }
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &) const override
    {
        return evaluation.delta(input_);
    }
    bool is_weighted() const override { return true; }
    Select print(Printer &printer) const override
    {
        Select select;
        std::string alias = printer.alias();
        select.from.push_back(printer.names().delta(input_) + " AS " + alias);
        for (const auto &column : columns())
            select.add_output(alias + "." + quoted(column.name), true);
        select.weights.push_back(alias + ".pgt_weight");
        return select;
    }
    PlanPtr with_inputs(std::vector<PlanPtr>) const override { return shared_from_this(); }

  private:
    DeltaInput input_;
};

class Negate final : public DerivativeNode {
  public:
    explicit Negate(const PlanPtr &input) : DerivativeNode({input}, input->columns()) {}
    std::string describe() const override { return "negate"; }
    ZSet meaning(const Evaluation &, const std::vector<ZSet> &inputs) const override
    {
        ZSet result;
        result.add(inputs[0], -1);
        return result;
    }
    bool is_weighted() const override { return true; }
    Select print(Printer &printer) const override
    {
        Select select = printer.select(inputs()[0]);
        select.weights.insert(select.weights.begin(), "-1");
        return select;
    }
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override { return negate(inputs.at(0)); }
};

class Net final : public DerivativeNode {
  public:
    explicit Net(const PlanPtr &input) : DerivativeNode({input}, input->columns()) {}
    std::string describe() const override { return "net"; }
    ZSet meaning(const Evaluation &, const std::vector<ZSet> &inputs) const override { return inputs[0]; }
    bool is_weighted() const override { return true; }
    Select print(Printer &printer) const override;
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override { return net(inputs.at(0)); }
};

/* Compares images: a type may have no equality, and equal values may differ. */
Select Net::print(Printer &printer) const
{
    const std::string rows = printer.subquery(inputs()[0], true);
    std::vector<std::string> columns;
    for (int i = 1; i <= width(); i++)
        columns.push_back("c" + std::to_string(i));
    const std::string all = joined(columns, ", ");
    const std::string summed = "SELECT " + all +
                               ", (pg_catalog.sum(pgt_weight) OVER same)::pg_catalog.int8 AS pgt_weight, "
                               "pg_catalog.row_number() OVER same AS number FROM (" +
                               rows + ") AS " + printer.alias() + " WINDOW same AS (PARTITION BY pgtrickle.row_image(" +
                               arguments_of(columns) + "))";
    return printer.wrap("SELECT " + all + ", pgt_weight FROM (" + summed + ") AS " + printer.alias() +
                            " WHERE number = 1 AND pgt_weight <> 0",
                        width(), true);
}

class TouchedRows final : public DerivativeNode {
  public:
    TouchedRows(const PlanPtr &input, std::vector<int> keys, std::vector<std::string> names, bool with_nulls)
        : DerivativeNode({input}, input->columns()), keys_(std::move(keys)), names_(std::move(names)),
          with_nulls_(with_nulls)
    {
    }
    std::string describe() const override { return "touched"; }
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const override
    {
        ZSet result;
        for (const auto &[row, weight] : inputs[0].rows()) {
            Row key;
            for (int position : keys_)
                key.push_back(row[position]);
            bool has_null = std::any_of(key.begin(), key.end(), [](const auto &value) { return !value; });
            if (has_null == with_nulls_ && evaluation.is_touched(key))
                result.add(row, weight);
        }
        return result;
    }
    Select print(Printer &printer) const override;
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override
    {
        return touched_rows(inputs.at(0), keys_, names_, with_nulls_);
    }

  private:
    std::vector<int> keys_;
    std::vector<std::string> names_;
    bool with_nulls_;
};

/* Without NULLs, prints an IN, which the planner turns into look-ups; an EXISTS if an operator is not that of
 * the catalog, since a row IN uses one operator only. With NULLs, prints a branch behind a one-time filter,
 * which costs nothing while no touched key has a NULL. IS NULL would also be true of a row of NULLs. */
Select TouchedRows::print(Printer &printer) const
{
    Select select = printer.select(inputs()[0]);
    std::string alias = printer.alias();
    std::string touched = printer.names().touched() + " AS " + alias;
    std::vector<std::string> sides, columns, nulls, equals, same;
    bool is_plain = true;
    for (size_t i = 0; i < keys_.size(); i++) {
        const Column &column = this->columns()[keys_[i]];
        is_plain = is_plain && has_plain_equality(column);
        sides.push_back(select.slot(keys_[i]));
        columns.push_back(alias + "." + quoted(names_[i]));
        nulls.push_back(columns.back() + " IS NOT DISTINCT FROM NULL");
        equals.push_back(equal(column, sides.back(), columns.back()));
        same.push_back(is_same(column, sides.back(), columns.back()));
    }
    if (!with_nulls_) {
        select.where.push_back(is_plain
                                   ? list_of(sides) + " IN (SELECT " + joined(columns, ", ") + " FROM " + touched + ")"
                                   : "EXISTS (SELECT FROM " + touched + " WHERE " + joined(equals, " AND ") + ")");
        return select;
    }
    select.where.push_back("EXISTS (SELECT FROM " + touched + " WHERE " + joined(nulls, " OR ") + ")");
    if (keys_.size() == 1)
        select.where.push_back(sides[0] + " IS NOT DISTINCT FROM NULL");
    else
        select.where.push_back("EXISTS (SELECT FROM " + touched + " WHERE (" + joined(nulls, " OR ") + ") AND " +
                               joined(same, " AND ") + ")");
    return select;
}

class ArrangementScan final : public PlanNode {
  public:
    ArrangementScan(int step, std::vector<Column> columns, std::vector<int> key, bool has_one_row)
        : PlanNode({}, std::move(columns)), step_(step), key_(std::move(key)), has_one_row_(has_one_row)
    {
    }
    std::string describe() const override { return "arrangement " + std::to_string(step_ + 1); }
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &) const override
    {
        return evaluation.state(input());
    }
    PlanPtr derivative(Differentiator &differentiator) const override
    {
        return differentiator.is_changed(input()) ? delta_scan(input(), columns()) : nullptr;
    }
    Select print(Printer &printer) const override
    {
        Select select;
        std::string alias = printer.alias();
        select.from.push_back(printer.names().arrangement(step_) + " AS " + alias);
        for (const auto &column : columns())
            select.add_output(alias + "." + quoted(column.name), true);
        return select;
    }
    PlanPtr with_inputs(std::vector<PlanPtr>) const override { return shared_from_this(); }
    std::optional<DeltaInput> leaf() const override { return input(); }
    bool has_one_row() const override { return has_one_row_; }
    std::vector<int> find_row_key() const override { return key_; }
    bool is_key_enforced() const override { return false; }

  private:
    DeltaInput input() const { return {DeltaInput::Kind::step, step_}; }
    int step_;
    std::vector<int> key_;
    bool has_one_row_;
};

} // namespace

PlanPtr delta_scan(DeltaInput input, std::vector<Column> columns)
{
    return std::make_shared<DeltaScan>(input, std::move(columns));
}

PlanPtr arrangement_scan(int step, std::vector<Column> columns, std::vector<int> key, bool has_one_row)
{
    return std::make_shared<ArrangementScan>(step, std::move(columns), std::move(key), has_one_row);
}

PlanPtr negate(PlanPtr input)
{
    return std::make_shared<Negate>(input);
}

PlanPtr net(PlanPtr delta)
{
    return std::make_shared<Net>(delta);
}

PlanPtr touched_rows(PlanPtr input, std::vector<int> keys, std::vector<std::string> names, bool with_nulls)
{
    if (input->is_union()) {
        std::vector<PlanPtr> parts;
        for (const auto &part : input->inputs())
            parts.push_back(touched_rows(part, keys, names, with_nulls));
        return input->with_inputs(parts);
    }
    return std::make_shared<TouchedRows>(input, std::move(keys), std::move(names), with_nulls);
}

} // namespace pgtrickle::engine
