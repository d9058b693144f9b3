/*
 * VALUES: a relation that never changes. Without columns it is the one row over which a SELECT without FROM
 * is evaluated.
 */
#include "engine/operators/differentiator.hpp"
#include "engine/operators/sql.hpp"

#include <stdexcept>

namespace pgtrickle::engine {

namespace {

class Values final : public PlanNode {
  public:
    Values(std::vector<Column> columns, std::vector<std::vector<Expression>> rows)
        : PlanNode({}, std::move(columns)), rows_(std::move(rows))
    {
    }

    std::string describe() const override
    {
        return width() == 0 ? "one row" : "values of " + std::to_string(rows_.size()) + " rows";
    }
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &) const override
    {
        ZSet result;
        for (const auto &expressions : rows_) {
            Row row;
            for (const auto &expression : expressions)
                row.push_back(evaluation.evaluate(expression, {}));
            result.add(row, 1);
        }
        return result;
    }
    PlanPtr derivative(Differentiator &) const override { return nullptr; }
    bool is_multilinear() const override { return true; }
    bool has_one_row() const override { return rows_.size() == 1; }
    Select print(Printer &printer) const override
    {
        Select select;
        std::string alias = printer.alias();
        std::vector<std::string> names;
        for (int i = 0; i < width(); i++) {
            names.push_back("c" + std::to_string(i + 1));
            select.add_output(alias + "." + names.back(), true);
        }
        std::string list = width() == 0 ? "SELECT" : rows_.empty() ? no_row() : rows();
        select.from.push_back("(" + list + ") AS " + alias + (width() == 0 ? "" : "(" + joined(names, ", ") + ")"));
        return select;
    }
    PlanPtr with_inputs(std::vector<PlanPtr>) const override { return shared_from_this(); }

  private:
    std::string rows() const
    {
        std::vector<std::string> rows;
        for (const auto &expressions : rows_) {
            std::vector<std::string> fields;
            for (const auto &expression : expressions)
                fields.push_back(expression.print({}));
            rows.push_back("(" + joined(fields, ", ") + ")");
        }
        return "VALUES " + joined(rows, ", ");
    }
    std::string no_row() const
    {
        std::vector<std::string> fields;
        for (const auto &column : columns())
            fields.push_back(typed_null(column));
        return "SELECT " + joined(fields, ", ") + " WHERE false";
    }

    std::vector<std::vector<Expression>> rows_;
};

} // namespace

PlanPtr values(std::vector<Column> columns, std::vector<std::vector<Expression>> rows)
{
    if (columns.empty() && rows.size() != 1)
        throw std::invalid_argument("rows without columns cannot be counted");
    for (const auto &row : rows) {
        if (row.size() != columns.size())
            throw std::invalid_argument("the rows of VALUES differ in their number of columns");
        for (const auto &expression : row)
            check_slots(expression, 0);
    }
    return std::make_shared<Values>(std::move(columns), std::move(rows));
}

PlanPtr sample_values(Sampler &sampler)
{
    std::vector<Column> columns(sampler.below(3));
    for (auto &column : columns)
        column = sampler.column();
    std::vector<std::vector<Expression>> rows(columns.empty() ? 1 : sampler.below(4));
    for (auto &row : rows)
        for (size_t i = 0; i < columns.size(); i++)
            row.push_back(sampler.scalar(0));
    return values(std::move(columns), std::move(rows));
}

} // namespace pgtrickle::engine
