#include "fdw/scan/exact_query.hpp"

#include "definition/definition.hpp"
#include "definition/stream_table.hpp"
#include "definition/texts.hpp"
#include "fdw/scan/query_trees.hpp"
#include "fdw/scan/storage_rte.hpp"
#include "pg/versions/executor.hpp"
#include "refresh/code/known_query.hpp"
#include "translate/check/dependence.hpp"

extern "C" {
#include "access/relation.h"
#include "executor/tstoreReceiver.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/planner.h"
#include "tcop/dest.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
}

#include <algorithm>
#include <vector>

namespace pgtrickle {

namespace {

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
        columns = lappend(columns, storage_column(storage, 1, static_cast<AttrNumber>(i + 1)));
    query->targetList = declared_outputs(definition, columns);
    Node *untouched = nullptr;
    if (read->way == ExactWay::in_parts)
        untouched = negate_clause(touched_clause(
            read->keys, list_make1(storage_column(storage, 1, served->columns[read->keys.columns->column - 1]))));
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
    Oid relid;
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
    nested.plan = planner(rewritten_known(planning.relid, query), "", 0, nullptr);
    exclude_jit_if_started_again(nested);
    return nested;
}

NestedPlan plan_in_parts(const Planning &planning, Oid relid, Query *definition, const ExactRead *read)
{
    Query *untouched = untouched_rows(relid, definition, read);
    Query *rows = union_all(untouched, computed_rows(definition, &read->values));
    ListCell *cell;
    foreach (cell, rows->rtable)
        lfirst_node(RangeTblEntry, cell)->security_barrier = true;
    return planned(planning, rows, Barrier::in_parts, "storage, and defining query for touched values");
}

NestedPlan plan_rows(const Planning &planning, Oid relid, const ExactRead *read, bool is_of_touched_rows)
{
    Query *definition = locked_definition(relid);
    if (is_of_touched_rows)
        return planned(planning, computed_rows(definition, &read->values), Barrier::around_all,
                       "defining query for touched values");
    switch (read->way) {
    case ExactWay::stored:
        return planned(planning, untouched_rows(relid, definition, read), Barrier::around_all, "storage");
    case ExactWay::in_parts: return plan_in_parts(planning, relid, definition, read);
    default: return planned(planning, computed_rows(definition, nullptr), Barrier::around_all, "defining query");
    }
}

/* Returns the rows of `read`: all columns, dropped ones included, and system columns among `columns`; these are NULL.
 */
NestedPlan merged_rows(const ServedRelation *served, const ExactRead *read, List *columns)
{
    NestedPlan nested = {nullptr, NIL, NIL, "stored groups, merged with pending changes", read->rows};
    for (int i = 0; i < served->column_count; i++)
        nested.columns = lappend_int(nested.columns, i + 1);
    ListCell *cell;
    foreach (cell, columns)
        if (lfirst_int(cell) < 0)
            nested.columns = lappend_int(nested.columns, lfirst_int(cell));
    return nested;
}

QueryDesc *described(PlannedStmt *plan, Snapshot snapshot, ParamListInfo parameters, DestReceiver *receiver)
{
    return CreateQueryDesc(plan, "", snapshot, InvalidSnapshot, receiver, parameters, nullptr, 0);
}

/* Returns how the scan reads the stream table. */
const ExactRead *exact_read_by(const RelOptInfo *rel, Oid relid)
{
    return returns_touched_rows(rel) ? exact_read_of(relid) : exact_read_of_one_scan(relid);
}

} // namespace

bool can_be_in_exact_query(RelOptInfo *rel, Oid relid, RestrictInfo *clause)
{
    auto *expression = reinterpret_cast<Node *>(clause->clause);
    if (is_touched_clause(expression))
        return true;
    return exact_read_by(rel, relid)->way != ExactWay::merged && can_be_nested(rel, clause) &&
           !contain_mutable_functions(expression) && refresh::runs_only_postgresql(expression) &&
           !translate::depends_on_settings(expression);
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
        if (excludes_touched(read->keys, reinterpret_cast<Node *>(lfirst_node(RestrictInfo, cell)->clause)))
            return true;
    return false;
}

NestedPlan plan_exact(RelOptInfo *rel, const ServedRelation *served, List *columns, List *clauses)
{
    const Oid relid = served->relid;
    const AttrNumber *numbers = output_numbers(served);
    const ExactRead *read = exact_read_by(rel, relid);
    const bool is_of_touched_rows = returns_touched_rows(rel);
    if (read->way == ExactWay::merged)
        return merged_rows(served, read, columns);
    List *others = NIL;
    ListCell *cell;
    foreach (cell, clauses)
        if (!is_touched_clause(reinterpret_cast<Node *>(lfirst_node(RestrictInfo, cell)->clause)))
            others = lappend(others, lfirst(cell));
    return beside_planning(relid, [&] {
        return plan_rows({relid, rel, numbers, columns, others}, relid, read, is_of_touched_rows);
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
        for (const Source &source : definition::all_sources_of(relid))
            oids = call([&] { return list_append_unique_oid(oids, source.relid); });
    });
    List *tables = NIL;
    foreach (cell, oids) /* what a replaced view has read may have been dropped */
        if (Relation table = try_relation_open(lfirst_oid(cell), AccessShareLock); table != nullptr)
            tables = lappend(tables, table);
    return tables;
}

namespace {

/* The stream tables whose exact queries are running, each within that before it. Since a view is replaced without its
 * users' definitions (redefine_or_mark()), one of them may read itself. C++ frames. */
class RunningExactly {
  public:
    explicit RunningExactly(Oid relid)
    {
        const auto same = std::find(running_.begin(), running_.end(), relid);
        if (same != running_.end()) {
            std::vector<Oid> path(same, running_.end());
            path.push_back(relid);
            definition::raise_cycle(path);
        }
        running_.push_back(relid);
    }
    ~RunningExactly() { running_.pop_back(); }
    RunningExactly(const RunningExactly &) = delete;
    RunningExactly &operator=(const RunningExactly &) = delete;

  private:
    static inline std::vector<Oid> running_;
};

} // namespace

void run_exact_query(Oid relid, PlannedStmt *plan, Snapshot snapshot, ParamListInfo parameters, Tuplestorestate *rows)
{
    DestReceiver *receiver = CreateTuplestoreDestReceiver();
    SetTuplestoreDestReceiverParams(receiver, rows, CurrentMemoryContext, false, nullptr, nullptr);
    act_as_owner(relid, [&] {
        RunningExactly running(relid);
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

char *explain_exact_query(Oid relid, PlannedStmt *plan, Snapshot snapshot, ParamListInfo parameters,
                          const ExplainState *outer)
{
    if (!definition::may_see_texts(relid))
        return nullptr;
    ExplainState *nested = NewExplainState();
    nested->verbose = outer->verbose;
    nested->costs = outer->costs;
    act_as_owner(relid, [&] {
        call([&] {
            PushActiveSnapshot(snapshot);
            QueryDesc *query = described(plan, snapshot, parameters, None_Receiver);
            start_for_explain(query, parameters != nullptr);
            ExplainPrintPlan(nested, query);
            standard_ExecutorEnd(query);
            FreeQueryDesc(query);
            PopActiveSnapshot();
        });
    });
    return nested->str->data;
}

} // namespace pgtrickle
