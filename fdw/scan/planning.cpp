/*
 * Planning of a nested scan: size, paths (plain, ordered by the storage's indexes, parameterised by join
 * clauses), and the scan node. Each path keeps the nested plan that determined its cost. The touched rows of an exact
 * read are computed once, whatever path is taken: a parameterised one looks through them.
 *
 * `served` is looked up again wherever it is needed, because planning the nested query may process an
 * invalidation and replace the entry.
 */
#include "fdw/scan/column_statistics.hpp"
#include "fdw/scan/exact_query.hpp"
#include "fdw/scan/execution.hpp"
#include "fdw/scan/nested_query.hpp"
#include "fdw/scan/query_trees.hpp"
#include "pg/relation_row.hpp"
#include "pg/versions/planner.hpp"
#include "pg/walker.hpp"
#include "storage/bound.hpp"
#include "storage/statistics.hpp"

extern "C" {
#include "access/relation.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_am.h"
#include "catalog/pg_index.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/appendinfo.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/plancat.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle {

namespace {

/* Contents of a path's fdw_private. */
enum class PathPrivate : int { plan, columns, parameters, nested_clauses, way, rows };

/* Contents of RelOptInfo.fdw_private while its paths are created. */
struct ScanPlanning {
    List *columns; /* needed above the scan, or by clauses that the scan evaluates */
    List *nested_clauses;
    List *own_clauses;
    bool is_exact_known;
    NestedPlan exact; /* of an exact read */
};

template <class Type> Type *part(List *list, PathPrivate which)
{
    return static_cast<Type *>(list_nth(list, static_cast<int>(which)));
}

/* Returns the columns of `rel` that the scan has to return; for a whole row, all columns that are not
 * dropped. System columns are those of the storage, except tableoid, which PostgreSQL sets. */
List *needed_columns(RelOptInfo *rel, const ServedRelation *served, List *own_clauses)
{
    Bitmapset *used = nullptr;
    pull_varattnos(reinterpret_cast<Node *>(rel->reltarget->exprs), rel->relid, &used);
    ListCell *cell;
    foreach (cell, own_clauses)
        pull_varattnos(reinterpret_cast<Node *>(lfirst_node(RestrictInfo, cell)->clause), rel->relid, &used);
    if (is_planned_exactly(served->relid))
        used = bms_add_members(used, storage::columns_of_bound(served->relid));
    const bool is_whole_row = bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, used);
    List *columns = NIL;
    for (int column = TableOidAttributeNumber + 1; column < 0; column++)
        if (bms_is_member(column - FirstLowInvalidHeapAttributeNumber, used))
            columns = lappend_int(columns, column);
    for (int column = 1; column <= served->column_count; column++)
        if (served->columns[column - 1] != 0 &&
            (is_whole_row || bms_is_member(column - FirstLowInvalidHeapAttributeNumber, used)))
            columns = lappend_int(columns, column);
    return columns;
}

/* Whether the nested query evaluates the clause. It is planned with the statistics of the storage: clauses over a child
 * only if its parent's columns may be read. Where policies bind the parent, can_be_nested() permits none but these. */
bool is_nested(PlannerInfo *root, RelOptInfo *rel, RestrictInfo *clause)
{
    const RangeTblEntry *named = named_entry_of(root, rel);
    return can_be_nested(rel, clause) && (named == planner_rt_fetch(rel->relid, root) || named->securityQuals != NIL ||
                                          may_read_columns_of(root, rel, reinterpret_cast<Node *>(clause->clause)));
}

/* Returns the clauses of `restrictions` that the nested query cannot evaluate. */
List *clauses_left_to_the_scan(PlannerInfo *root, RelOptInfo *rel, Oid relid, List *restrictions)
{
    const bool is_exact = is_planned_exactly(relid), is_of_touched_rows = is_exact && returns_touched_rows(rel);
    List *left = NIL;
    ListCell *cell;
    foreach (cell, restrictions) {
        auto *clause = lfirst_node(RestrictInfo, cell);
        if (!(is_exact ? can_be_in_exact_query(rel, relid, clause) : is_nested(root, rel, clause)) ||
            (is_of_touched_rows && has_changing_parameter(reinterpret_cast<Node *>(clause->clause))))
            left = lappend(left, clause);
    }
    return left;
}

/* Returns the role whose privileges decide which statistics may be used. A child is read with the
 * privileges on its parent, as with any table: clauses that is_nested() permits may use all of its statistics, as its
 * owner may. */
Oid read_as(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
    const RangeTblEntry *named = named_entry_of(root, rel);
    return named == planner_rt_fetch(rel->relid, root) || named->securityQuals != NIL ? rel->userid
                                                                                      : owner_of_relation(relid);
}

struct PathShape {
    List *pathkeys = NIL;
    const SortColumn *order = nullptr;
    int order_count = 0;
    ParamPathInfo *parameterised = nullptr;
};

void add_scan_path(PlannerInfo *root, RelOptInfo *rel, Oid relid, const PathShape &shape)
{
    auto *planning = static_cast<ScanPlanning *>(rel->fdw_private);
    List *nested = list_copy(planning->nested_clauses);
    List *own = list_copy(planning->own_clauses);
    /* A relation with lateral references is parameterised in any case. */
    ParamPathInfo *parameterised = shape.parameterised != nullptr
                                       ? shape.parameterised
                                       : get_baserel_parampathinfo(root, rel, rel->lateral_relids);
    if (parameterised != nullptr) {
        ListCell *cell;
        foreach (cell, parameterised->ppi_clauses) {
            auto *clause = lfirst_node(RestrictInfo, cell);
            if (!is_planned_exactly(relid) && is_nested(root, rel, clause))
                nested = lappend(nested, clause);
            else
                own = lappend(own, clause);
        }
    }
    const ServedRelation *served = find_served_relation(relid);
    List *columns = needed_columns(rel, served, own);
    if (is_planned_exactly(relid) && !planning->is_exact_known) {
        planning->exact = plan_exact(rel, served, columns, nested);
        planning->is_exact_known = true;
    }
    const NestedPlan plan = is_planned_exactly(relid) ? planning->exact
                                                      : plan_nested(rel, served, read_as(root, rel, relid), columns,
                                                                    nested, shape.order, shape.order_count);
    double rows = parameterised != nullptr ? parameterised->ppi_rows : rel->rows;
    QualCost own_cost;
    cost_qual_eval(&own_cost, own, root);
    const Plan *top = plan.plan != nullptr ? plan.plan->planTree : nullptr;
    const double nested_rows = top != nullptr ? top->plan_rows : list_length(plan.rows);
    /* The first of the scans by a parameter collects the rows for all of them. */
    const bool is_collected = top == nullptr || (shape.parameterised != nullptr && is_planned_exactly(relid));
    Cost startup = (is_collected ? 0 : top->startup_cost) + own_cost.startup;
    Cost total =
        (is_collected ? 0 : top->total_cost) + own_cost.startup + (own_cost.per_tuple + cpu_tuple_cost) * nested_rows;
    Relids outer = parameterised != nullptr ? parameterised->ppi_req_outer : nullptr;
    List *kept = list_make5(plan.plan, plan.columns, plan.parameters, nested, makeString(pstrdup(plan.way)));
    kept = lappend(kept, plan.rows);
    add_path(rel, foreign_path(root, rel, rows, startup, total, shape.pathkeys, outer, kept));
}

/* ---- ordered by an index of the storage ---------------------------------------------- */

AttrNumber column_stored_as(const ServedRelation *served, AttrNumber stored)
{
    for (int i = 0; i < served->column_count; i++)
        if (stored != 0 && served->columns[i] == stored)
            return static_cast<AttrNumber>(i + 1);
    return 0;
}

/* Returns the pathkeys of the query that reading `index` in one direction provides, and sets `order` to the
 * sort columns of the nested query. Supports only plain columns with the default order of NULLs. */
List *order_of_index(PlannerInfo *root, RelOptInfo *rel, Relation table, const ServedRelation *served, Relation index,
                     bool is_backward, SortColumn *order, int *order_count)
{
    List *pathkeys = NIL;
    *order_count = 0;
    for (int i = 0; i < index->rd_index->indnkeyatts; i++) {
        AttrNumber column = column_stored_as(served, index->rd_index->indkey.values[i]);
        bool is_descending = (index->rd_indoption[i] & INDOPTION_DESC) != 0;
        bool has_nulls_first = (index->rd_indoption[i] & INDOPTION_NULLS_FIRST) != 0;
        if (column == 0 || is_descending != has_nulls_first)
            break;
        Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(table), column - 1);
        if (index->rd_indcollation[i] != attribute->attcollation)
            break;
        bool is_reverse = is_descending != is_backward;
        Oid type = index->rd_opcintype[i];
        Oid operation = get_opfamily_member(index->rd_opfamily[i], type, type,
                                            is_reverse ? BTGreaterStrategyNumber : BTLessStrategyNumber);
        Oid equals = get_opfamily_member(index->rd_opfamily[i], type, type, BTEqualStrategyNumber);
        if (!OidIsValid(operation) || !OidIsValid(equals))
            break;
        Var *var = makeVar(static_cast<int>(rel->relid), column, attribute->atttypid, attribute->atttypmod,
                           attribute->attcollation, 0);
        List *key = known_pathkeys(root, reinterpret_cast<Expr *>(var), operation, rel->relids);
        if (key == NIL)
            break;
        if (!list_member_ptr(pathkeys, linitial(key)))
            pathkeys = lappend(pathkeys, linitial(key));
        order[(*order_count)++] = {column, operation, equals, is_reverse};
    }
    return pathkeys;
}

void add_ordered_paths(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
    Relation table = table_open(relid, NoLock);
    Relation storage = table_open(find_served_relation(relid)->storage, NoLock);
    List *indexes = RelationGetIndexList(storage);
    ListCell *cell;
    foreach (cell, indexes) {
        Relation index = relation_open(lfirst_oid(cell), AccessShareLock);
        bool is_usable = index->rd_rel->relam == BTREE_AM_OID && index->rd_index->indisvalid &&
                         RelationGetIndexPredicate(index) == NIL;
        for (bool is_backward : {false, true}) {
            if (!is_usable)
                break;
            SortColumn order[INDEX_MAX_KEYS];
            PathShape shape;
            shape.pathkeys = order_of_index(root, rel, table, find_served_relation(relid), index, is_backward, order,
                                            &shape.order_count);
            shape.order = order;
            shape.pathkeys = truncate_useless_pathkeys(root, rel, shape.pathkeys);
            if (shape.pathkeys != NIL)
                add_scan_path(root, rel, relid, shape);
        }
        relation_close(index, NoLock);
    }
    table_close(storage, NoLock);
    table_close(table, NoLock);
}

/* ---- parameterised by join clauses ---------------------------------------------------- */

struct WantedColumn {
    AttrNumber column;
};

bool is_wanted_column(PlannerInfo *, RelOptInfo *rel, EquivalenceClass *, EquivalenceMember *member, void *wanted)
{
    const Node *expression = unrelabelled(reinterpret_cast<const Node *>(member->em_expr));
    if (expression == nullptr || !IsA(expression, Var))
        return false;
    const auto *var = reinterpret_cast<const Var *>(expression);
    return static_cast<Index>(var->varno) == rel->relid && var->varattno == static_cast<WantedColumn *>(wanted)->column;
}

/* Returns the columns that are the first column of an index. With a clause on any other column, the nested
 * query would scan the whole storage for each outer row. */
List *leading_columns(const ServedRelation *served)
{
    List *columns = NIL;
    Relation storage = table_open(served->storage, NoLock);
    ListCell *cell;
    foreach (cell, RelationGetIndexList(storage)) {
        Relation index = relation_open(lfirst_oid(cell), AccessShareLock);
        AttrNumber column = column_stored_as(served, index->rd_index->indkey.values[0]);
        if (column != 0)
            columns = list_append_unique_int(columns, column);
        relation_close(index, NoLock);
    }
    table_close(storage, NoLock);
    return columns;
}

List *add_parameterisation(PlannerInfo *root, RelOptInfo *rel, RestrictInfo *clause, List *known)
{
    if (!join_clause_is_movable_to(clause, rel) || !is_nested(root, rel, clause))
        return known;
    Relids outer = bms_union(clause->clause_relids, rel->lateral_relids);
    outer = bms_del_member(outer, static_cast<int>(rel->relid));
    if (bms_is_empty(outer))
        return known;
    return list_append_unique_ptr(known, get_baserel_parampathinfo(root, rel, outer));
}

void add_parameterised_paths(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
    List *parameterisations = NIL;
    ListCell *cell;
    foreach (cell, rel->joininfo)
        parameterisations = add_parameterisation(root, rel, lfirst_node(RestrictInfo, cell), parameterisations);
    if (rel->has_eclass_joins) {
        foreach (cell, leading_columns(find_served_relation(relid))) {
            WantedColumn wanted = {static_cast<AttrNumber>(lfirst_int(cell))};
            List *clauses =
                generate_implied_equalities_for_column(root, rel, is_wanted_column, &wanted, rel->lateral_referencers);
            ListCell *inner;
            foreach (inner, clauses)
                parameterisations =
                    add_parameterisation(root, rel, lfirst_node(RestrictInfo, inner), parameterisations);
        }
    }
    foreach (cell, parameterisations) {
        PathShape shape;
        shape.parameterised = static_cast<ParamPathInfo *>(lfirst(cell));
        add_scan_path(root, rel, relid, shape);
    }
}

} // namespace

void scan_rel_size(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
    Oid storage_oid = served_relation_to_read(relid)->storage;
    rel->pages = storage::stored_blocks(storage_oid);
    rel->tuples = storage::stored_rows(storage_oid);
    set_baserel_size_estimates(root, rel);
    auto *planning = static_cast<ScanPlanning *>(palloc0(sizeof(ScanPlanning)));
    planning->own_clauses = clauses_left_to_the_scan(root, rel, relid, rel->baserestrictinfo);
    planning->nested_clauses = list_difference_ptr(rel->baserestrictinfo, planning->own_clauses);
    rel->fdw_private = planning;
}

void scan_paths(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
    const bool is_exact = is_planned_exactly(relid), is_of_touched_rows = is_exact && returns_touched_rows(rel);
    if (is_of_touched_rows && has_no_touched_row(rel, relid)) {
        mark_dummy_rel(rel);
        return;
    }
    add_scan_path(root, rel, relid, PathShape{});
    if (is_of_touched_rows)
        add_parameterised_paths(root, rel, relid);
    if (is_exact)
        return;
    if (has_useful_pathkeys(root, rel))
        add_ordered_paths(root, rel, relid);
    add_parameterised_paths(root, rel, relid);
}

ForeignScan *scan_plan(PlannerInfo *root, RelOptInfo *rel, Oid, ForeignPath *path, List *tlist, List *clauses, Plan *)
{
    auto *plan = part<PlannedStmt>(path->fdw_private, PathPrivate::plan);
    auto *columns = part<List>(path->fdw_private, PathPrivate::columns);
    auto *parameters = part<List>(path->fdw_private, PathPrivate::parameters);
    auto *nested = part<List>(path->fdw_private, PathPrivate::nested_clauses);
    List *own = NIL;
    List *recheck = NIL;
    ListCell *cell;
    foreach (cell, clauses) {
        auto *clause = lfirst_node(RestrictInfo, cell);
        if (list_member_ptr(nested, clause))
            recheck = lappend(recheck, clause->clause);
        else if (!clause->pseudoconstant)
            own = lappend(own, clause->clause);
    }
    /* Invalidates the statement's plan if an object on which the nested plan depends changes. */
    if (plan != nullptr) {
        root->glob->relationOids = list_concat(root->glob->relationOids, list_copy(plan->relationOids));
        root->glob->invalItems = list_concat(root->glob->invalItems, list_copy(plan->invalItems));
    }
    Const *rows = makeConst(INT8OID, -1, InvalidOid, sizeof(int64),
                            PointerGetDatum(part<List>(path->fdw_private, PathPrivate::rows)), false, true);
    List *kept = list_make4(plan, columns, part<String>(path->fdw_private, PathPrivate::way), rows);
    return make_foreignscan(tlist, own, rel->relid, parameters, kept, NIL, recheck, nullptr);
}

List *scan_reparameterize(PlannerInfo *root, List *kept, RelOptInfo *child)
{
    /* The parameters refer to columns of an outer parent, but a path for its child needs the child's
     * columns. */
    kept = list_copy(kept);
    ListCell *parameters = list_nth_cell(kept, static_cast<int>(PathPrivate::parameters));
    lfirst(parameters) = adjust_to_child(root, static_cast<Node *>(lfirst(parameters)), child);
    return kept;
}

} // namespace pgtrickle
