#include "refresh/program/local_cost_hints.hpp"

#include <unordered_map>

namespace pgtrickle::refresh {

namespace {

constexpr size_t most_remembered = 10'000;

} // namespace

std::shared_ptr<LocalCostHints> cost_hints_of(Oid stream_table)
{
    static auto *all = new std::unordered_map<Oid, std::shared_ptr<LocalCostHints>>;
    if (all->size() >= most_remembered)
        all->clear();
    std::shared_ptr<LocalCostHints> &one = (*all)[stream_table];
    if (one == nullptr)
        one = std::make_shared<LocalCostHints>();
    return one;
}

} // namespace pgtrickle::refresh
