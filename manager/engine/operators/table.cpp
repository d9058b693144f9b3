/*
 * The list of operators, from which tests and documents enumerate them.
 */
#include "engine/operators/operator.hpp"

namespace pgtrickle::engine {

PlanPtr sample_scan(Sampler &sampler);
PlanPtr sample_filter(Sampler &sampler);
PlanPtr sample_project(Sampler &sampler);
PlanPtr sample_join(Sampler &sampler);
PlanPtr sample_outer_join(Sampler &sampler);
PlanPtr sample_semi_join(Sampler &sampler);
PlanPtr sample_aggregate(Sampler &sampler);
PlanPtr sample_distinct(Sampler &sampler);
PlanPtr sample_union_all(Sampler &sampler);
PlanPtr sample_values(Sampler &sampler);
PlanPtr sample_lateral(Sampler &sampler);
PlanPtr sample_window(Sampler &sampler);
PlanPtr sample_reserve(Sampler &sampler);
PlanPtr sample_copy(Sampler &sampler);
PlanPtr sample_partitioned(Sampler &sampler);
PlanPtr sample_recursive(Sampler &sampler);

const std::vector<Operator> &operator_table()
{
    static const std::vector<Operator> table = {
        {"scan", "inline", sample_scan},
        {"filter", "inline", sample_filter},
        {"project", "inline", sample_project},
        {"join", "inline, by index look-ups", sample_join},
        {"outer join", "inline, by bounded counts of matches", sample_outer_join},
        {"semi join", "inline, by bounded counts of matches", sample_semi_join},
        {"aggregate", "one row per group with its states", sample_aggregate},
        {"distinct", "one row per group with its count", sample_distinct},
        {"union all", "inline", sample_union_all},
        {"values", "inline, never changes", sample_values},
        {"lateral", "inline", sample_lateral},
        {"window", "its rows, recomputed for the partitions touched", sample_window},
        {"first rows", "a reserve beyond them, filled again when it runs out", sample_reserve},
        {"copy", "its input's rows", sample_copy},
        {"partitioned", "inline", sample_partitioned},
        {"recursive", "all rows found; deletions by over-deleting and rederiving", sample_recursive},
    };
    return table;
}

} // namespace pgtrickle::engine
