#include "refresh/program/row_statistics.hpp"

#include "refresh/program/row_sample.hpp"
#include "refresh/program/statement.hpp"
#include "storage/statistics.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_statistic.h"
#include "nodes/pathnodes.h"
#include "optimizer/optimizer.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"
#include "utils/syscache.h"
}

#include <limits>

namespace pgtrickle::refresh {

namespace {

bool may_read(Oid relation, AttrNumber column)
{
    const Oid user = GetUserId();
    return (pg_class_aclcheck(relation, user, ACL_SELECT) == ACLCHECK_OK ||
            pg_attribute_aclcheck(relation, column, user, ACL_SELECT) == ACLCHECK_OK) &&
           check_enable_rls(relation, user, true) != RLS_ENABLED;
}

HeapTuple statistics_of(Oid relation, AttrNumber column, bool with_children)
{
    auto look_up = [&](bool inherited) {
        return SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(relation), Int16GetDatum(column),
                               BoolGetDatum(inherited));
    };
    HeapTuple found = with_children && has_subclass(relation) ? look_up(true) : nullptr;
    return HeapTupleIsValid(found) ? found : look_up(false);
}

void take_statistics(Oid relation, AttrNumber column, bool with_children, bool may_be_read, VariableStatData *variable)
{
    variable->statsTuple = statistics_of(relation, column, with_children);
    variable->freefunc = ReleaseSysCache;
    variable->acl_ok = !HeapTupleIsValid(variable->statsTuple) || (may_be_read && may_read(relation, column));
}

HeapTuple without_statistics()
{
    Relation catalog = table_open(StatisticRelationId, AccessShareLock);
    Datum values[Natts_pg_statistic] = {};
    bool nulls[Natts_pg_statistic] = {};
    for (int i = 0; i < STATISTIC_NUM_SLOTS; i++)
        nulls[Anum_pg_statistic_stanumbers1 - 1 + i] = nulls[Anum_pg_statistic_stavalues1 - 1 + i] = true;
    HeapTuple tuple = heap_form_tuple(RelationGetDescr(catalog), values, nulls);
    table_close(catalog, AccessShareLock);
    return tuple;
}

/* Puts the number of values in the sample in place of that of the source. */
void take_sample(const ColumnSample &sample, VariableStatData *variable)
{
    HeapTuple found = variable->statsTuple;
    variable->statsTuple = HeapTupleIsValid(found) ? heap_copytuple(found) : without_statistics();
    if (HeapTupleIsValid(found))
        variable->freefunc(found);
    variable->freefunc = heap_freetuple;
    auto *statistics = reinterpret_cast<Form_pg_statistic>(GETSTRUCT(variable->statsTuple));
    statistics->stadistinct = static_cast<float4>(sample.distinct);
    statistics->stanullfrac = static_cast<float4>(sample.null_share);
}

/* The type is compared because a relation in memory of another statement may have the same name: that of a function,
 * called while ours is planned. */
bool find_in_memory(const RangeTblEntry *entry, AttrNumber column, VariableStatData *variable)
{
    const Origin *origin = column > 0 ? origin_of_rows(entry->enrname) : nullptr;
    if (origin == nullptr || column > origin->column_count)
        return false;
    const AttrNumber of_origin = origin->columns[column - 1];
    if (of_origin < 1 || get_atttype(origin->relation, of_origin) != list_nth_oid(entry->coltypes, column - 1))
        return false;
    take_statistics(origin->relation, of_origin, !origin->is_only, entry->securityQuals == NIL, variable);
    if (const ColumnSample *sample = sample_of_rows(entry->enrname, column); sample != nullptr)
        take_sample(*sample, variable);
    return true;
}

bool find_in_cte(PlannerInfo *root, const RangeTblEntry *entry, AttrNumber column, VariableStatData *variable);
bool find_in_query(PlannerInfo *root, AttrNumber column, VariableStatData *variable);
bool find_of_expression(PlannerInfo *root, Node *expression, VariableStatData *variable);

/* `number` is that of a UNION ALL in the range table. */
bool find_in_union(PlannerInfo *root, Index number, AttrNumber column, VariableStatData *variable)
{
    for (int i = 0; i < list_length(root->append_rel_list); i++) {
        const auto *branch = list_nth_node(AppendRelInfo, root->append_rel_list, i);
        if (branch->parent_relid == number) {
            auto *value = static_cast<Node *>(list_nth(branch->translated_vars, column - 1));
            return value != nullptr && find_of_expression(root, value, variable);
        }
    }
    return false;
}

/* Returns 0 if the entry is not of this level. */
Index number_of(const PlannerInfo *root, const RangeTblEntry *entry)
{
    for (int i = 1; i < root->simple_rel_array_size; i++)
        if (root->simple_rte_array[i] == entry)
            return static_cast<Index>(i);
    return 0;
}

bool find_of_expression(PlannerInfo *root, Node *expression, VariableStatData *variable)
{
    if (!IsA(expression, Var) || castNode(Var, expression)->varlevelsup > 0 || castNode(Var, expression)->varattno < 1)
        return false;
    const auto *var = castNode(Var, expression);
    const RangeTblEntry *entry = planner_rt_fetch(var->varno, root);
    const RelOptInfo *planned = root->simple_rel_array[var->varno];
    if (entry->rtekind == RTE_RELATION) {
        take_statistics(entry->relid, var->varattno, entry->inh, entry->securityQuals == NIL, variable);
        return true;
    }
    if (entry->rtekind == RTE_NAMEDTUPLESTORE)
        return find_in_memory(entry, var->varattno, variable);
    if (entry->rtekind == RTE_CTE)
        return find_in_cte(root, entry, var->varattno, variable);
    if (entry->rtekind != RTE_SUBQUERY || entry->security_barrier)
        return false;
    if (entry->inh)
        return find_in_union(root, static_cast<Index>(var->varno), var->varattno, variable);
    return planned != nullptr && planned->subroot != nullptr &&
           find_in_query(planned->subroot, var->varattno, variable);
}

bool is_constant(const SortGroupClause *clause, List *targets)
{
    return IsA(get_sortgroupclause_expr(const_cast<SortGroupClause *>(clause), targets), Const);
}

/* Whether no two rows of a query that groups or is DISTINCT have the same value in the column. */
bool is_grouped_by(const Query *query, const TargetEntry *target)
{
    List *clauses = query->distinctClause != NIL ? query->distinctClause : query->groupClause;
    bool is_among = false;
    for (int i = 0; i < list_length(clauses); i++) {
        const auto *clause = list_nth_node(SortGroupClause, clauses, i);
        if (clause->tleSortGroupRef == target->ressortgroupref)
            is_among = true;
        else if (!is_constant(clause, query->targetList))
            return false;
    }
    return is_among;
}

bool find_in_query(PlannerInfo *root, AttrNumber column, VariableStatData *variable)
{
    const Query *query = root->parse;
    TargetEntry *target = get_tle_by_resno(query->targetList, column);
    if (target == nullptr || target->resjunk || query->setOperations != nullptr || query->groupingSets != NIL)
        return false;
    if (query->groupClause == NIL && query->distinctClause == NIL)
        return find_of_expression(root, reinterpret_cast<Node *>(target->expr), variable);
    variable->isunique = is_grouped_by(query, target);
    return variable->isunique;
}

/* PostgreSQL does this from 17 on, for an entry of WITH that is no union. */
bool find_in_cte(PlannerInfo *root, const RangeTblEntry *entry, AttrNumber column, VariableStatData *variable)
{
    for (Index level = entry->ctelevelsup; level > 0 && root != nullptr; level--)
        root = root->parent_root;
    if (root == nullptr || entry->self_reference)
        return false;
    for (int i = 0; i < list_length(root->parse->cteList); i++) {
        const int plan = i < list_length(root->cte_plan_ids) ? list_nth_int(root->cte_plan_ids, i) : 0;
        if (plan > 0 && strcmp(list_nth_node(CommonTableExpr, root->parse->cteList, i)->ctename, entry->ctename) == 0)
            return find_in_query(static_cast<PlannerInfo *>(list_nth(root->glob->subroots, plan - 1)), column,
                                 variable);
    }
    return false;
}

} // namespace

bool find_statistics_of_rows(PlannerInfo *root, RangeTblEntry *entry, AttrNumber column, VariableStatData *variable)
{
    if (entry->rtekind == RTE_NAMEDTUPLESTORE)
        return find_in_memory(entry, column, variable);
    if (!has_rows_in_memory() || column < 1)
        return false;
    if (entry->rtekind == RTE_SUBQUERY && entry->inh && !entry->security_barrier)
        return find_in_union(root, number_of(root, entry), column, variable);
    return entry->rtekind == RTE_CTE && find_in_cte(root, entry, column, variable);
}

double rows_of_each_value(Oid relation, const char *column)
{
    HeapTuple tuple = statistics_of(relation, get_attnum(relation, column), true);
    if (!HeapTupleIsValid(tuple))
        return std::numeric_limits<double>::infinity();
    const auto *found = reinterpret_cast<Form_pg_statistic>(GETSTRUCT(tuple));
    const double share = 1 - found->stanullfrac, distinct = found->stadistinct;
    ReleaseSysCache(tuple);
    const double rows = storage::analyzed_rows(relation);
    if (distinct < 0)
        return share / -distinct;
    return distinct > 0 && rows >= 0 ? rows * share / distinct : std::numeric_limits<double>::infinity();
}

} // namespace pgtrickle::refresh
