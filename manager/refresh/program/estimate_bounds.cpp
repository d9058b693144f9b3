#include "refresh/program/estimate_bounds.hpp"

extern "C" {
#include "optimizer/optimizer.h"
}

#include <algorithm>
#include <limits>
#include <utility>

namespace pgtrickle::refresh {

namespace {

/* A join of changed rows is estimated at a tenth of them at least, where that is less than least_rows, but not at fewer
 * than ten. */
constexpr double least_share = 0.1, least_of_few = 10;

double least_rows = 0;
double most_rows_of_entry = std::numeric_limits<double>::infinity();
/* The functions of other extensions; null if there is none. */
set_rel_pathlist_hook_type other_of_relations = nullptr;
set_join_pathlist_hook_type other_of_joins = nullptr;

/* Paths that depend on a parameter keep their estimates: they are look-ups. */
void raise_rows(RelOptInfo *relation, double least)
{
    relation->rows = std::max(relation->rows, least);
    ListCell *cell;
    foreach (cell, relation->pathlist) {
        auto *path = static_cast<Path *>(lfirst(cell));
        if (path->param_info == nullptr)
            path->rows = std::max(path->rows, least);
    }
}

void lower_rows(RelOptInfo *relation, double most)
{
    relation->rows = std::min(relation->rows, most);
    ListCell *cell;
    foreach (cell, relation->pathlist) {
        auto *path = static_cast<Path *>(lfirst(cell));
        path->rows = std::min(path->rows, most);
    }
}

bool is_in_memory(const RangeTblEntry *entry)
{
    return entry->rtekind == RTE_NAMEDTUPLESTORE || entry->rtekind == RTE_CTE;
}

double least_rows_of_join(const PlannerInfo *root, const RelOptInfo *join)
{
    double changed = 0;
    for (int i = -1; (i = bms_next_member(join->relids, i)) >= 0;)
        if (root->simple_rel_array[i] != nullptr && is_in_memory(root->simple_rte_array[i]))
            changed = std::max(changed, root->simple_rel_array[i]->tuples);
    if (changed == 0)
        return least_rows;
    return std::min(least_rows, clamp_row_est(std::max(changed * least_share, least_of_few)));
}

void bound_rows_of_relation(PlannerInfo *root, RelOptInfo *relation, Index number, RangeTblEntry *entry)
{
    if (other_of_relations != nullptr)
        other_of_relations(root, relation, number, entry);
    if (entry->rtekind == RTE_CTE)
        lower_rows(relation, most_rows_of_entry);
    if (is_in_memory(entry))
        raise_rows(relation, clamp_row_est(std::min(relation->tuples, least_rows)));
}

void raise_rows_of_join(PlannerInfo *root, RelOptInfo *join, RelOptInfo *outer, RelOptInfo *inner, JoinType type,
                        JoinPathExtraData *extra)
{
    if (other_of_joins != nullptr)
        other_of_joins(root, join, outer, inner, type, extra);
    raise_rows(join, least_rows_of_join(root, join));
}

} // namespace

/* Planning may call a function of a query, which may lead to the planning of another statement. */
EstimateBounds::EstimateBounds(double least, double most_of_entry)
    : previous_least_(std::exchange(least_rows, least)),
      previous_most_of_entry_(std::exchange(most_rows_of_entry, most_of_entry)),
      previous_of_relations_(set_rel_pathlist_hook), previous_of_joins_(set_join_pathlist_hook)
{
    if (previous_of_relations_ != bound_rows_of_relation)
        other_of_relations = previous_of_relations_;
    if (previous_of_joins_ != raise_rows_of_join)
        other_of_joins = previous_of_joins_;
    set_rel_pathlist_hook = bound_rows_of_relation;
    set_join_pathlist_hook = raise_rows_of_join;
}

EstimateBounds::~EstimateBounds()
{
    least_rows = previous_least_;
    most_rows_of_entry = previous_most_of_entry_;
    set_rel_pathlist_hook = previous_of_relations_;
    set_join_pathlist_hook = previous_of_joins_;
}

} // namespace pgtrickle::refresh
