#include "engine/operators/partitioned.hpp"

#include "engine/operators/differentiator.hpp"
#include "engine/operators/sql.hpp"

#include <stdexcept>

namespace pgtrickle::engine {

PlanPtr Partitioned::derivative(Differentiator &differentiator) const
{
    return differentiator.delta(parts());
}

Select Partitioned::print(Printer &printer) const
{
    return printer.select(inputs()[0]);
}

PlanPtr partitioned(PlanPtr rows, PlanPtr parts)
{
    if (rows->width() != parts->width())
        throw std::invalid_argument("the parts of rows differ from them in their number of columns");
    return std::make_shared<Partitioned>(rows, parts);
}

PlanPtr sample_partitioned(Sampler &sampler)
{
    PlanPtr rows = sampler.plan();
    const Expression first = sampler.predicate(rows->width());
    Expression second = first;
    second.pieces.insert(second.pieces.begin(), std::string("("));
    second.pieces.emplace_back(std::string(") IS NOT TRUE"));
    second.is_strict = false;
    PlanPtr kept = sampler.below(2) == 0 ? rows : copy(rows, CopyReason::shared);
    return partitioned(rows, union_all({filter(rows, first), filter(kept, second)}));
}

} // namespace pgtrickle::engine
