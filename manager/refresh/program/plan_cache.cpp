#include "refresh/program/plan_cache.hpp"

#include "pg/context.hpp"
#include "refresh/program/compiled.hpp"

#include <algorithm>
#include <malloc.h>

namespace pgtrickle::refresh {

namespace {

struct Budget {
    boost::intrusive::list<CacheEntry, boost::intrusive::constant_time_size<false>> by_use; /* latest use first */
    std::vector<Compiled *> grown;
    size_t bytes = 0;
    size_t freed = 0; /* since return_memory() last returned memory */
};

constexpr size_t worth_giving_back = 8 << 20;

/* Process-local; created at the first use, lives as long as the process. */
Budget *instance = nullptr;

Budget &budget()
{
    if (instance == nullptr)
        instance = make_in<Budget>(TopMemoryContext);
    return *instance;
}

size_t bytes_of(const Compiled &compiled)
{
    size_t bytes = MemoryContextMemAllocated(compiled.context, true);
    for (const CompiledStep &step : compiled.steps) {
        for (const auto *plans : {&step.delta_plans, &step.touched_count_plans})
            for (const auto &[changed, plan] : *plans)
                bytes += plan.bytes();
        bytes += step.full_plan.bytes() + step.recompute_plan.bytes();
    }
    return bytes;
}

void count_grown(Budget &budget)
{
    for (Compiled *compiled : budget.grown) {
        budget.bytes -= compiled->counted_bytes;
        compiled->counted_bytes = bytes_of(*compiled);
        budget.bytes += compiled->counted_bytes;
        compiled->has_grown = false;
    }
    budget.grown.clear();
}

} // namespace

void note_use(Compiled &compiled)
{
    compiled.unlink();
    budget().by_use.push_front(compiled);
}

void note_growth(Compiled &compiled)
{
    if (!std::exchange(compiled.has_grown, true))
        budget().grown.push_back(&compiled);
}

void note_gone(Compiled &compiled)
{
    compiled.unlink();
    std::erase(budget().grown, &compiled);
    budget().bytes -= compiled.counted_bytes;
    budget().freed += compiled.counted_bytes;
}

void return_memory()
{
    if (budget().freed < worth_giving_back)
        return;
    budget().freed = 0;
    malloc_trim(0);
}

Compiled *next_to_free(size_t limit_bytes)
{
    Budget &all = budget();
    count_grown(all);
    if (all.bytes <= limit_bytes || all.by_use.empty())
        return nullptr;
    return static_cast<Compiled *>(&all.by_use.back());
}

} // namespace pgtrickle::refresh
