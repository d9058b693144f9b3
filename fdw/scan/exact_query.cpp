#include "fdw/scan/exact_query.hpp"

#include "definition/definition.hpp"
#include "definition/query/rewritten_query.hpp"
#include "definition/texts.hpp"
#include "pg/versions/executor.hpp"
#include "pg/walker.hpp"
#include "refresh/program/scope.hpp"

extern "C" {
#include "access/transam.h"
#include "executor/tstoreReceiver.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/planner.h"
#include "tcop/dest.h"
}

namespace pgtrickle {

namespace {

const List *planned_relids = nullptr;
Snapshot planned_snapshot = InvalidSnapshot;
int running_exact_queries = 0;

class RunningExactQuery {
  public:
    RunningExactQuery() { running_exact_queries++; }
    ~RunningExactQuery() { running_exact_queries--; }
    RunningExactQuery(const RunningExactQuery &) = delete;
    RunningExactQuery &operator=(const RunningExactQuery &) = delete;
};

bool is_function_of_a_user(Oid function, void *)
{
    return function >= FirstNormalObjectId;
}

bool calls_function_of_a_user(Node *node, void *context)
{
    if (node == nullptr)
        return false;
    if (check_functions_in_node(node, is_function_of_a_user, context))
        return true;
    return walk_expression(node, calls_function_of_a_user, context);
}

/* Appends the defining query to the range table of `query`, behind a security barrier. */
RangeTblEntry *add_definition_entry(Query *query, Oid relid)
{
    RangeTblEntry *entry = makeNode(RangeTblEntry);
    entry->rtekind = RTE_SUBQUERY;
    entry->subquery = definition::query_of(relid);
    entry->security_barrier = true;
    entry->inFromCl = true;
    entry->alias = makeAlias("rows", NIL);
    entry->eref = makeAlias("rows", NIL);
    ListCell *cell;
    foreach (cell, entry->subquery->targetList)
        if (!lfirst_node(TargetEntry, cell)->resjunk)
            entry->eref->colnames = lappend(entry->eref->colnames, makeString(lfirst_node(TargetEntry, cell)->resname));
    query->rtable = lappend(query->rtable, entry);
    return entry;
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

NestedPlan planned(RelOptInfo *rel, Oid relid, const AttrNumber *numbers, List *columns, List *clauses)
{
    Query *query = makeNode(Query);
    const NestedRows rows = {add_definition_entry(query, relid), numbers};
    NestedPlan nested = {nullptr, columns, NIL};
    nested.parameters = complete_nested_query(query, rel, rows, columns, clauses);
    nested.plan = planner(definition::rewritten(query), "", 0, nullptr);
    return nested;
}

QueryDesc *described(PlannedStmt *plan, Snapshot snapshot, ParamListInfo parameters, DestReceiver *receiver)
{
    return CreateQueryDesc(plan, "", snapshot, InvalidSnapshot, receiver, parameters, nullptr, 0);
}

} // namespace

ExactPlanning::ExactPlanning(const List *relids, Snapshot snapshot)
    : outer_relids_(planned_relids), outer_snapshot_(planned_snapshot)
{
    planned_relids = relids;
    planned_snapshot = snapshot;
}

ExactPlanning::~ExactPlanning()
{
    planned_relids = outer_relids_;
    planned_snapshot = outer_snapshot_;
}

bool is_planning_exactly()
{
    return planned_relids != nullptr;
}

bool is_planned_exactly(Oid relid)
{
    return list_member_oid(planned_relids, relid);
}

bool can_be_in_exact_query(RelOptInfo *rel, RestrictInfo *clause)
{
    auto *expression = reinterpret_cast<Node *>(clause->clause);
    return can_be_nested(rel, clause) && !contain_mutable_functions(expression) &&
           !calls_function_of_a_user(expression, nullptr);
}

NestedPlan plan_exact(RelOptInfo *rel, const ServedRelation *served, List *columns, List *clauses)
{
    const Oid relid = served->relid;
    const AttrNumber *numbers = output_numbers(served);
    NestedPlan nested = {nullptr, NIL, NIL};
    enter([&] {
        const Definition definition = definition::load(relid);
        refresh::OwnerScope scope(definition);
        ExactPlanning none(nullptr, InvalidSnapshot);
        nested = call([&] { return planned(rel, relid, numbers, columns, clauses); });
    });
    return nested;
}

void run_exact_query(Oid relid, PlannedStmt *plan, Snapshot snapshot, ParamListInfo parameters, Tuplestorestate *rows)
{
    DestReceiver *receiver = CreateTuplestoreDestReceiver();
    SetTuplestoreDestReceiverParams(receiver, rows, CurrentMemoryContext, false, nullptr, nullptr);
    enter([&] {
        const Definition definition = definition::load(relid);
        refresh::OwnerScope scope(definition);
        RunningExactQuery running;
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

bool is_in_exact_query()
{
    return running_exact_queries > 0;
}

char *explain_exact_query(Oid relid, PlannedStmt *plan, const ExplainState *outer)
{
    if (!definition::may_see_texts(relid))
        return nullptr;
    ExplainState *nested = NewExplainState();
    nested->verbose = outer->verbose;
    nested->costs = outer->costs;
    enter([&] {
        const Definition definition = definition::load(relid);
        refresh::OwnerScope scope(definition);
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
