#include "fdw/scan/exact_query.hpp"

#include "definition/definition.hpp"
#include "definition/query/rewritten_query.hpp"
#include "definition/stream_table.hpp"
#include "definition/texts.hpp"
#include "fdw/scan/query_trees.hpp"
#include "fdw/scan/storage_rte.hpp"
#include "fdw/scan/touched_values.hpp"
#include "pg/versions/executor.hpp"
#include "pg/walker.hpp"
#include "refresh/program/scope.hpp"
#include "refresh/request/audience.hpp"

extern "C" {
#include "access/relation.h"
#include "access/transam.h"
#include "executor/tstoreReceiver.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/planner.h"
#include "rewrite/rewriteHandler.h"
#include "tcop/dest.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle {

namespace {

const List *planned_relids = nullptr;
SnapshotData *planned_snapshot = nullptr;
bool is_planning_begun = false;

bool is_function_of_a_user(Oid function, void *)
{
    return function >= FirstNormalObjectId;
}

/* A domain and a composite type may have constraints, a range type functions; an enum has no code. */
bool is_type_of_a_user(Oid type)
{
    return type >= FirstNormalObjectId && get_typtype(type) != TYPTYPE_ENUM;
}

bool runs_code_of_a_user(Node *node, void *context)
{
    if (node == nullptr)
        return false;
    if (!IsA(node, List) &&
        (check_functions_in_node(node, is_function_of_a_user, context) || is_type_of_a_user(exprType(node))))
        return true;
    return walk_expression(node, runs_code_of_a_user, context);
}

/* Returns the output of the defining query that is each column of the foreign table; 0 for a dropped one. */
AttrNumber *output_numbers(const ServedRelation *served)
{
    auto *numbers = static_cast<AttrNumber *>(palloc0(sizeof(AttrNumber) * (served->column_count + 1)));
    AttrNumber last = 0;
    for (int i = 0; i < served->column_count; i++)
        if (served->columns[i] != 0)
            numbers[i] = ++last;
    return numbers;
}

/* Returns the stored rows that are not touched. */
Query *untouched_rows(Oid relid, const Query *definition, const TouchedValues &touched)
{
    Query *query = makeNode(Query);
    const ServedRelation *served = find_served_relation(relid);
    const RangeTblEntry *storage = add_storage_entry(query, served, "storage", InvalidOid);
    ListCell *cell = list_head(definition->targetList);
    Var *key = nullptr;
    for (int i = 0; i < served->column_count; i++) {
        if (served->columns[i] == 0)
            continue;
        const auto *declared = lfirst_node(TargetEntry, cell);
        Var *column = storage_column(storage, 1, served->columns[i]);
        if (declared->resno == touched.output)
            key = column;
        query->targetList = lappend(query->targetList, makeTargetEntry(reinterpret_cast<Expr *>(column),
                                                                       declared->resno, declared->resname, false));
        cell = lnext(definition->targetList, cell);
    }
    BooleanTest *untouched = makeNode(BooleanTest);
    untouched->arg = reinterpret_cast<Expr *>(is_touched(touched, key));
    untouched->booltesttype = IS_NOT_TRUE;
    untouched->location = -1;
    read_only_entry(query, touched.is_empty() ? nullptr : reinterpret_cast<Node *>(untouched));
    return query;
}

/* Returns the rows of the defining query, or those that are touched. It is a level of its own: PostgreSQL pulls a UNION
 * ALL up through the barrier of its entry. */
Query *computed_rows(Query *definition, const TouchedValues *touched)
{
    Query *query = makeNode(Query);
    query->rtable = list_make1(subquery_entry(definition, "definition"));
    ListCell *cell;
    foreach (cell, definition->targetList) {
        auto *declared = lfirst_node(TargetEntry, cell);
        if (declared->resjunk)
            continue;
        Var *column = makeVarFromTargetEntry(1, declared);
        query->targetList = lappend(query->targetList, makeTargetEntry(reinterpret_cast<Expr *>(column),
                                                                       declared->resno, declared->resname, false));
    }
    Node *condition = nullptr;
    if (touched != nullptr) {
        const auto *key = list_nth_node(TargetEntry, definition->targetList, touched->output - 1);
        condition = is_touched(*touched, makeVarFromTargetEntry(1, const_cast<TargetEntry *>(key)));
    }
    read_only_entry(query, condition);
    return query;
}

struct Planning {
    RelOptInfo *rel;
    const AttrNumber *numbers;
    List *columns;
    List *clauses;
};

/* The two parts of a union have barriers of their own, so that the planner can pull the union up. */
enum class Barrier { around_all, in_parts };

NestedPlan planned(const Planning &planning, Query *rows, Barrier barrier, const char *way)
{
    Query *query = makeNode(Query);
    RangeTblEntry *entry = subquery_entry(rows, "rows");
    entry->security_barrier = barrier == Barrier::around_all;
    query->rtable = list_make1(entry);
    NestedPlan nested = {nullptr, planning.columns, NIL, way};
    nested.parameters =
        complete_nested_query(query, planning.rel, {entry, planning.numbers}, planning.columns, planning.clauses);
    nested.plan = planner(definition::rewritten(query), "", 0, nullptr);
    return nested;
}

/* Plans the cheaper of the two ways. Where k is the first column of an index, only what is touched is read. */
NestedPlan plan_cheapest(const Planning &planning, Oid relid, Snapshot snapshot)
{
    Query *definition = definition::query_of(relid);
    AcquireRewriteLocks(definition, true, false);
    TouchedValues touched;
    if (!find_touched_values(relid, definition, snapshot, &touched))
        return planned(planning, computed_rows(definition, nullptr), Barrier::around_all, "defining query");
    auto *copied = static_cast<Query *>(copyObjectImpl(definition));
    Query *untouched = untouched_rows(relid, definition, touched);
    Query *rows = touched.is_empty() ? untouched : union_all(untouched, computed_rows(copied, &touched));
    if (!touched.is_empty()) {
        ListCell *cell;
        foreach (cell, rows->rtable)
            lfirst_node(RangeTblEntry, cell)->security_barrier = true;
    }
    const TargetEntry *key = list_nth_node(TargetEntry, definition->targetList, touched.output - 1);
    const NestedPlan in_parts =
        planned(planning, rows, touched.is_empty() ? Barrier::around_all : Barrier::in_parts,
                psprintf("storage, and defining query for %d values of \"%s\"",
                         list_length(touched.values) + (touched.has_null ? 1 : 0), key->resname));
    if (touched.is_indexed || touched.is_empty())
        return in_parts;
    const NestedPlan whole =
        planned(planning, computed_rows(definition, nullptr), Barrier::around_all, "defining query");
    return whole.plan->planTree->total_cost < in_parts.plan->planTree->total_cost ? whole : in_parts;
}

QueryDesc *described(PlannedStmt *plan, Snapshot snapshot, ParamListInfo parameters, DestReceiver *receiver)
{
    return CreateQueryDesc(plan, "", snapshot, InvalidSnapshot, receiver, parameters, nullptr, 0);
}

/* Runs `act`, a C++ function, with the rights and settings of the owner. Its errors quote data that the reader may not
 * see. */
template <class Act> void act_as_owner(Oid relid, Act act)
{
    enter([&] {
        refresh::for_stream_table(relid, "read", [&] {
            const Definition definition = definition::load(relid);
            refresh::ExactScope scope(definition);
            act();
        });
    });
}

} // namespace

ExactPlanning::ExactPlanning(const List *relids, Snapshot snapshot)
    : outer_relids_(planned_relids), outer_snapshot_(planned_snapshot), was_begun_(is_planning_begun)
{
    planned_relids = relids;
    planned_snapshot = snapshot;
    is_planning_begun = false;
}

ExactPlanning::~ExactPlanning()
{
    planned_relids = outer_relids_;
    planned_snapshot = outer_snapshot_;
    is_planning_begun = was_begun_;
}

bool is_planning_exactly()
{
    return planned_relids != nullptr;
}

bool begin_statement_of_exact_planning()
{
    const bool is_first = !is_planning_begun;
    is_planning_begun = is_planning_exactly();
    return is_first;
}

bool is_planned_exactly(Oid relid)
{
    return list_member_oid(planned_relids, relid);
}

bool can_be_in_exact_query(RelOptInfo *rel, RestrictInfo *clause)
{
    auto *expression = reinterpret_cast<Node *>(clause->clause);
    return can_be_nested(rel, clause) && !contain_mutable_functions(expression) &&
           !runs_code_of_a_user(expression, nullptr);
}

NestedPlan plan_exact(RelOptInfo *rel, const ServedRelation *served, List *columns, List *clauses)
{
    const Oid relid = served->relid;
    const AttrNumber *numbers = output_numbers(served);
    const Snapshot snapshot = planned_snapshot;
    NestedPlan nested;
    act_as_owner(relid, [&] {
        ExactPlanning none(nullptr, InvalidSnapshot);
        nested = call([&] { return plan_cheapest({rel, numbers, columns, clauses}, relid, snapshot); });
    });
    return nested;
}

List *open_tables_of_exact_query(Oid relid, PlannedStmt *plan)
{
    List *oids = NIL;
    ListCell *cell;
    foreach (cell, plan->rtable) {
        const auto *entry = lfirst_node(RangeTblEntry, cell);
        if (entry->rtekind == RTE_RELATION)
            oids = list_append_unique_oid(oids, entry->relid);
    }
    enter([&] {
        for (const Oid upstream : definition::upstreams_of(relid))
            for (const Source &source : definition::sources_of(upstream))
                oids = call([&] { return list_append_unique_oid(oids, source.relid); });
    });
    List *tables = NIL;
    foreach (cell, oids)
        tables = lappend(tables, relation_open(lfirst_oid(cell), AccessShareLock));
    return tables;
}

void run_exact_query(Oid relid, PlannedStmt *plan, Snapshot snapshot, ParamListInfo parameters, Tuplestorestate *rows)
{
    DestReceiver *receiver = CreateTuplestoreDestReceiver();
    SetTuplestoreDestReceiverParams(receiver, rows, CurrentMemoryContext, false, nullptr, nullptr);
    act_as_owner(relid, [&] {
        call([&] {
            QueryDesc *query = described(plan, snapshot, parameters, receiver);
            ExecutorStart(query, EXEC_FLAG_SKIP_TRIGGERS);
            run_to_end(query);
            ExecutorFinish(query);
            ExecutorEnd(query);
            FreeQueryDesc(query);
        });
    });
    receiver->rDestroy(receiver);
}

char *explain_exact_query(Oid relid, PlannedStmt *plan, const ExplainState *outer)
{
    if (!definition::may_see_texts(relid))
        return nullptr;
    ExplainState *nested = NewExplainState();
    nested->verbose = outer->verbose;
    nested->costs = outer->costs;
    act_as_owner(relid, [&] {
        call([&] {
            QueryDesc *query = described(plan, InvalidSnapshot, nullptr, None_Receiver);
            standard_ExecutorStart(query, EXEC_FLAG_EXPLAIN_ONLY);
            ExplainPrintPlan(nested, query);
            standard_ExecutorEnd(query);
            FreeQueryDesc(query);
        });
    });
    return nested->str->data;
}

} // namespace pgtrickle
