/*
 * Scan: the new state of a source. Its derivative is the source's delta.
 */
#include "engine/operators/delta.hpp"
#include "engine/operators/differentiator.hpp"
#include "engine/operators/sql.hpp"

#include <stdexcept>

namespace pgtrickle::engine {

namespace {

class Scan final : public PlanNode {
  public:
    Scan(int source, std::vector<Column> columns, std::vector<int> key, bool is_key_enforced)
        : PlanNode({}, std::move(columns)), source_(source), key_(std::move(key)), is_key_enforced_(is_key_enforced)
    {
    }

    std::string describe() const override { return "scan of source " + std::to_string(source_ + 1); }
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
        select.from.push_back(printer.names().source(source_) + " AS " + alias);
        for (const auto &column : columns())
            select.add_output(alias + "." + quoted(column.name), true);
        return select;
    }
    PlanPtr with_inputs(std::vector<PlanPtr>) const override { return shared_from_this(); }
    std::optional<DeltaInput> leaf() const override { return input(); }
    std::vector<int> find_row_key() const override { return key_; }
    bool is_key_enforced() const override { return is_key_enforced_; }

  private:
    DeltaInput input() const { return {DeltaInput::Kind::source, source_}; }
    int source_;
    std::vector<int> key_;
    bool is_key_enforced_;
};

} // namespace

PlanPtr scan(int source, std::vector<Column> columns, std::vector<int> key, bool is_key_enforced)
{
    for (int column : key)
        if (column < 0 || column >= static_cast<int>(columns.size()))
            throw std::invalid_argument("a key column that the scan does not have");
    return std::make_shared<Scan>(source, std::move(columns), std::move(key), is_key_enforced);
}

PlanPtr sample_scan(Sampler &sampler)
{
    return sampler.source(sampler.below(3));
}

} // namespace pgtrickle::engine
