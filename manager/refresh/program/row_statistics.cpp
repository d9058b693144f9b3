#include "refresh/program/row_statistics.hpp"

#include "refresh/program/statement.hpp"

extern "C" {
#include "catalog/pg_inherits.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"
#include "utils/syscache.h"
}

namespace pgtrickle::refresh {

namespace {

bool may_read(Oid relation, AttrNumber column)
{
    const Oid user = GetUserId();
    return (pg_class_aclcheck(relation, user, ACL_SELECT) == ACLCHECK_OK ||
            pg_attribute_aclcheck(relation, column, user, ACL_SELECT) == ACLCHECK_OK) &&
           check_enable_rls(relation, user, true) != RLS_ENABLED;
}

/* A query, and those around it whose WITH entries it may read. */
struct Level {
    const Query *query;
    const Level *around;
};

/* The column of a table, or of a relation in memory, from which another column takes its values. */
struct Column {
    Oid relation = InvalidOid;
    AttrNumber number = InvalidAttrNumber;
    bool is_only = false;
};

HeapTuple statistics_of(const Column &column)
{
    auto look_up = [&](bool with_children) {
        return SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(column.relation), Int16GetDatum(column.number),
                               BoolGetDatum(with_children));
    };
    HeapTuple found = !column.is_only && has_subclass(column.relation) ? look_up(true) : nullptr;
    return HeapTupleIsValid(found) ? found : look_up(false);
}

/* The type is compared because a relation in memory of another statement may have the same name: that of a function,
 * called while ours is planned. */
bool find_column_of_rows(const RangeTblEntry *entry, AttrNumber column, Column *found)
{
    const Origin *origin = origin_of_rows(entry->enrname);
    if (origin == nullptr || column > origin->column_count)
        return false;
    *found = {origin->relation, origin->columns[column - 1], origin->is_only};
    return found->number >= 1 &&
           get_atttype(found->relation, found->number) == list_nth_oid(entry->coltypes, column - 1);
}

const Query *query_of_entry(const RangeTblEntry *entry, const Level *level, const Level **its_level)
{
    for (Index up = entry->ctelevelsup; up > 0 && level != nullptr; up--)
        level = level->around;
    *its_level = level;
    if (level == nullptr || entry->self_reference)
        return nullptr;
    ListCell *cell;
    foreach (cell, level->query->cteList)
        if (const auto *with = lfirst_node(CommonTableExpr, cell); strcmp(with->ctename, entry->ctename) == 0)
            return with->cterecursive ? nullptr : reinterpret_cast<const Query *>(with->ctequery);
    return nullptr;
}

/* Whether the query reads rows in memory, and so belongs to a maintenance statement. */
bool reads_rows_in_memory(const Query *query, const Level *around)
{
    const Level level{query, around};
    ListCell *cell;
    foreach (cell, query->rtable) {
        const auto *entry = lfirst_node(RangeTblEntry, cell);
        const Level *its_level = nullptr;
        const Query *with = entry->rtekind == RTE_CTE ? query_of_entry(entry, &level, &its_level) : nullptr;
        if ((entry->rtekind == RTE_NAMEDTUPLESTORE && origin_of_rows(entry->enrname) != nullptr) ||
            (entry->rtekind == RTE_SUBQUERY && reads_rows_in_memory(entry->subquery, &level)) ||
            (with != nullptr && reads_rows_in_memory(with, its_level)))
            return true;
    }
    return false;
}

bool find_column(const Query *query, const Level *around, AttrNumber column, Column *found);

/* The values of a UNION ALL are taken to be those of its first query. */
bool find_column_of_entry(const RangeTblEntry *entry, const Level &level, AttrNumber column, Column *found)
{
    const Level *its_level = nullptr;
    const Query *with = nullptr;
    switch (entry->rtekind) {
    case RTE_NAMEDTUPLESTORE: return find_column_of_rows(entry, column, found);
    case RTE_SUBQUERY: return find_column(entry->subquery, &level, column, found);
    case RTE_CTE:
        with = query_of_entry(entry, &level, &its_level);
        return with != nullptr && find_column(with, its_level, column, found);
    case RTE_RELATION: *found = {entry->relid, column, !entry->inh}; return true;
    default: return false;
    }
}

bool find_column(const Query *query, const Level *around, AttrNumber column, Column *found)
{
    const Level level{query, around};
    Node *operation = query->setOperations;
    while (operation != nullptr && IsA(operation, SetOperationStmt))
        operation = castNode(SetOperationStmt, operation)->larg;
    if (operation != nullptr)
        return find_column_of_entry(rt_fetch(castNode(RangeTblRef, operation)->rtindex, query->rtable), level, column,
                                    found);
    const TargetEntry *target = get_tle_by_resno(query->targetList, column);
    if (target == nullptr || !IsA(target->expr, Var))
        return false;
    const auto *var = castNode(Var, target->expr);
    return var->varlevelsup == 0 && var->varattno >= 1 &&
           find_column_of_entry(rt_fetch(var->varno, query->rtable), level, var->varattno, found);
}

/* Returns the query that is planned, within those around it. */
const Level *level_of(const PlannerInfo *root)
{
    if (root == nullptr)
        return nullptr;
    auto *level = static_cast<Level *>(palloc(sizeof(Level)));
    *level = {root->parse, level_of(root->parent_root)};
    return level;
}

/* Finds the column whose values those of a relation without statistics are. */
bool find_origin(const PlannerInfo *root, const RangeTblEntry *entry, AttrNumber column, Column *found)
{
    if (column < 1)
        return false;
    if (entry->rtekind == RTE_NAMEDTUPLESTORE)
        return find_column_of_rows(entry, column, found);
    const bool is_union =
        entry->rtekind == RTE_SUBQUERY && entry->subquery != nullptr && entry->subquery->setOperations != nullptr;
    if (entry->rtekind != RTE_CTE && !is_union)
        return false;
    const Level *level = level_of(root), *its_level = level;
    const Query *query = is_union ? entry->subquery : query_of_entry(entry, level, &its_level);
    return query != nullptr && reads_rows_in_memory(query, its_level) && find_column(query, its_level, column, found);
}

} // namespace

bool find_statistics_of_rows(PlannerInfo *root, RangeTblEntry *entry, AttrNumber column, VariableStatData *variable)
{
    Column origin;
    if (!find_origin(root, entry, column, &origin))
        return false;
    variable->statsTuple = statistics_of(origin);
    variable->freefunc = ReleaseSysCache;
    variable->acl_ok = !HeapTupleIsValid(variable->statsTuple) ||
                       (entry->securityQuals == NIL && may_read(origin.relation, origin.number));
    return true;
}

} // namespace pgtrickle::refresh
