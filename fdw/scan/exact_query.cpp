#include "fdw/scan/exact_query.hpp"

#include "definition/definition.hpp"
#include "definition/query/rewritten_query.hpp"
#include "definition/stream_table.hpp"
#include "definition/texts.hpp"
#include "fdw/scan/query_trees.hpp"
#include "fdw/scan/storage_rte.hpp"
#include "fdw/scan/touched_clause.hpp"
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

/* A second plan that is being made. */
struct ExactPlan {
    const List *relids;
    Snapshot snapshot;
    MemoryContext memory;
    List *known; /* of KnownRead */
    bool is_begun;
};

namespace {

ExactPlan *planned_now = nullptr; /* null: none */

struct KnownRead {
    Oid relid;
    ExactRead read;
};

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

/* Returns columns of the only entry as the outputs that the defining query declares. */
List *declared_outputs(const Query *definition, List *columns)
{
    List *targets = NIL;
    ListCell *column = list_head(columns), *cell;
    foreach (cell, definition->targetList) {
        const auto *declared = lfirst_node(TargetEntry, cell);
        if (declared->resjunk)
            continue;
        targets = lappend(
            targets, makeTargetEntry(static_cast<Expr *>(lfirst(column)), declared->resno, declared->resname, false));
        column = lnext(columns, column);
    }
    return targets;
}

/* Returns the stored rows that are not touched. */
Query *untouched_rows(Oid relid, const Query *definition, const ExactRead *read)
{
    Query *query = makeNode(Query);
    const ServedRelation *served = find_served_relation(relid);
    const RangeTblEntry *storage = add_storage_entry(query, served, "storage", InvalidOid);
    List *columns = NIL;
    for (int i = 0; i < served->column_count; i++)
        if (served->columns[i] != 0)
            columns = lappend(columns, storage_column(storage, 1, served->columns[i]));
    query->targetList = declared_outputs(definition, columns);
    Node *untouched = nullptr;
    if (read->way == ExactWay::in_parts)
        untouched =
            negate_clause(touched_clause(read->touched, storage_column(storage, 1, served->columns[read->column - 1])));
    read_only_entry(query, untouched);
    return query;
}

/* Returns the rows of the defining query, or those that are touched. It is a level of its own: PostgreSQL pulls a UNION
 * ALL up through the barrier of its entry. */
Query *computed_rows(Query *definition, const TouchedValues *touched)
{
    Query *query = makeNode(Query);
    query->rtable = list_make1(subquery_entry(definition, "definition"));
    List *columns = NIL;
    Var *key = nullptr;
    ListCell *cell;
    foreach (cell, definition->targetList) {
        auto *declared = lfirst_node(TargetEntry, cell);
        if (declared->resjunk)
            continue;
        columns = lappend(columns, makeVarFromTargetEntry(1, declared));
        if (touched != nullptr && declared->resno == touched->output)
            key = makeVarFromTargetEntry(1, declared);
    }
    query->targetList = declared_outputs(definition, columns);
    read_only_entry(query, touched != nullptr ? searchable_clause(*touched, key) : nullptr);
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

Query *locked_definition(Oid relid)
{
    Query *definition = definition::query_of(relid);
    AcquireRewriteLocks(definition, true, false);
    return definition;
}

NestedPlan plan_in_parts(const Planning &planning, Oid relid, Query *definition, const ExactRead *read)
{
    Query *untouched = untouched_rows(relid, definition, read);
    Query *rows = union_all(untouched, computed_rows(definition, &read->touched));
    ListCell *cell;
    foreach (cell, rows->rtable)
        lfirst_node(RangeTblEntry, cell)->security_barrier = true;
    return planned(planning, rows, Barrier::in_parts, "storage, and defining query for touched values");
}

NestedPlan plan_rows(const Planning &planning, Oid relid, const ExactRead *read, bool is_of_touched_rows)
{
    Query *definition = locked_definition(relid);
    if (is_of_touched_rows)
        return planned(planning, computed_rows(definition, &read->touched), Barrier::around_all,
                       "defining query for touched values");
    switch (read->way) {
    case ExactWay::stored:
        return planned(planning, untouched_rows(relid, definition, read), Barrier::around_all, "storage");
    case ExactWay::in_parts: return plan_in_parts(planning, relid, definition, read);
    default: return planned(planning, computed_rows(definition, nullptr), Barrier::around_all, "defining query");
    }
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

namespace {

/* Runs `act`, a PostgreSQL function, as act_as_owner(), which plans statements of its own. */
template <class Act> auto beside_planning(Oid relid, Act act)
{
    decltype(act()) result;
    act_as_owner(relid, [&] {
        ExactPlanning none(nullptr, InvalidSnapshot);
        result = call(act);
    });
    return result;
}

/* How the stream table is read under the snapshot. Runs with the rights of its owner. */
ExactRead find_exact_read(const ServedRelation *served, Snapshot snapshot)
{
    ExactRead read = {ExactWay::computed, {}, 0, false};
    const Oid relid = served->relid;
    const AttrNumber *numbers = output_numbers(served);
    const int count = served->column_count;
    if (!find_touched_values(relid, locked_definition(relid), snapshot, &read.touched))
        return read;
    if (read.touched.is_empty())
        read.way = ExactWay::stored;
    else if (read.touched.is_indexed && can_be_hashed(read.touched))
        read.way = ExactWay::in_parts;
    for (int i = 0; i < count; i++)
        if (numbers[i] == read.touched.output)
            read.column = static_cast<AttrNumber>(i + 1);
    read.can_be_in_statement = !is_type_of_a_user(get_atttype(relid, read.column));
    return read;
}

} // namespace

ExactPlanning::ExactPlanning(const List *relids, Snapshot snapshot) : outer_(planned_now), own_(nullptr)
{
    if (relids != nullptr)
        own_ = new ExactPlan{relids, snapshot, CurrentMemoryContext, NIL, false};
    planned_now = own_;
}

ExactPlanning::~ExactPlanning()
{
    delete own_;
    planned_now = outer_;
}

bool is_planning_exactly()
{
    return planned_now != nullptr;
}

bool begin_statement_of_exact_planning()
{
    if (planned_now == nullptr)
        return true;
    const bool is_first = !planned_now->is_begun;
    planned_now->is_begun = true;
    return is_first;
}

bool is_planned_exactly(Oid relid)
{
    return planned_now != nullptr && list_member_oid(planned_now->relids, relid);
}

const ExactRead *exact_read_of(Oid relid)
{
    ListCell *cell;
    foreach (cell, planned_now->known)
        if (static_cast<KnownRead *>(lfirst(cell))->relid == relid)
            return &static_cast<KnownRead *>(lfirst(cell))->read;
    MemoryContext previous = MemoryContextSwitchTo(planned_now->memory);
    auto *known = static_cast<KnownRead *>(palloc(sizeof(KnownRead)));
    const Snapshot snapshot = planned_now->snapshot;
    *known = {relid, beside_planning(relid, [&] { return find_exact_read(find_served_relation(relid), snapshot); })};
    planned_now->known = lappend(planned_now->known, known);
    MemoryContextSwitchTo(previous);
    return &known->read;
}

bool can_be_in_exact_query(RelOptInfo *rel, RestrictInfo *clause)
{
    auto *expression = reinterpret_cast<Node *>(clause->clause);
    if (is_touched_clause(expression))
        return true;
    return can_be_nested(rel, clause) && !contain_mutable_functions(expression) &&
           !runs_code_of_a_user(expression, nullptr);
}

bool returns_touched_rows(const RelOptInfo *rel)
{
    ListCell *cell;
    foreach (cell, rel->baserestrictinfo)
        if (is_touched_clause(reinterpret_cast<Node *>(lfirst_node(RestrictInfo, cell)->clause)))
            return true;
    return false;
}

bool has_no_touched_row(const RelOptInfo *rel, Oid relid)
{
    const ExactRead *read = exact_read_of(relid);
    ListCell *cell;
    foreach (cell, rel->baserestrictinfo)
        if (excludes_touched(read->touched, read->column,
                             reinterpret_cast<Node *>(lfirst_node(RestrictInfo, cell)->clause)))
            return true;
    return false;
}

NestedPlan plan_exact(RelOptInfo *rel, const ServedRelation *served, List *columns, List *clauses)
{
    const Oid relid = served->relid;
    const AttrNumber *numbers = output_numbers(served);
    const ExactRead *read = exact_read_of(relid);
    const bool is_of_touched_rows = returns_touched_rows(rel);
    List *others = NIL;
    ListCell *cell;
    foreach (cell, clauses)
        if (!is_touched_clause(reinterpret_cast<Node *>(lfirst_node(RestrictInfo, cell)->clause)))
            others = lappend(others, lfirst(cell));
    return beside_planning(relid, [&] {
        return plan_rows({rel, numbers, columns, others}, relid, read, is_of_touched_rows);
    });
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
