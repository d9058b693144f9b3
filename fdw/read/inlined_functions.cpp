#include "fdw/read/inlined_functions.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "optimizer/clauses.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace pgtrickle {

namespace {

/* PostgreSQL inlines a call after it has put default and named arguments into their places. */
bool has_all_arguments(const FuncExpr *function)
{
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function->funcid));
    if (!HeapTupleIsValid(tuple))
        return false;
    const int count = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple))->pronargs;
    ReleaseSysCache(tuple);
    ListCell *cell;
    foreach (cell, function->args)
        if (IsA(lfirst(cell), NamedArgExpr))
            return false;
    return list_length(function->args) == count;
}

} // namespace

void InlinedFunctions::inline_entry(RangeTblEntry *entry)
{
    if (list_length(entry->functions) != 1)
        return;
    auto *function = reinterpret_cast<FuncExpr *>(linitial_node(RangeTblFunction, entry->functions)->funcexpr);
    if (!IsA(function, FuncExpr) || !has_all_arguments(function))
        return;
    if (collected_ == nullptr) {
        collected_ = makeNode(PlannerInfo);
        collected_->glob = makeNode(PlannerGlobal);
    }
    Query *query = inline_set_returning_function(collected_, entry);
    if (query == nullptr)
        return;
    is_unsafe_ |= func_parallel(function->funcid) == PROPARALLEL_UNSAFE;
    entry->rtekind = RTE_SUBQUERY; /* entry->functions stays, so that whole rows have its type */
    entry->subquery = query;
    entry->security_barrier = false;
    entry->funcordinality = false;
}

int InlinedFunctions::planner_options(int options) const
{
    return is_unsafe_ ? options & ~CURSOR_OPT_PARALLEL_OK : options;
}

void InlinedFunctions::become_dependencies_of(PlannedStmt *plan) const
{
    if (collected_ == nullptr)
        return;
    plan->invalItems = list_concat(plan->invalItems, collected_->glob->invalItems);
    plan->dependsOnRole |= collected_->glob->dependsOnRole;
}

} // namespace pgtrickle
