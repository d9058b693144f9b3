#include "fdw/read/exact_reads.hpp"

#include "capture/ddl/repeatable_read.hpp"
#include "capture/log/log.hpp"
#include "capture/log/read_locks.hpp"
#include "definition/guc.hpp"
#include "definition/restoring.hpp"
#include "definition/state/state.hpp"
#include "definition/stream_table.hpp"
#include "fdw/read/barrier.hpp"
#include "fdw/read/on_stale.hpp"
#include "fdw/read/session/past_exact_reads.hpp"
#include "fdw/read/snapshot_state.hpp"
#include "fdw/read/untouched_scans.hpp"
#include "fdw/scan/exact_query.hpp"
#include "pg/versions/processes.hpp"
#include "pg/versions/rights.hpp"
#include "pg/versions/text_runners.hpp"
#include "pg/walker.hpp"
#include "refresh/code/interpreted_code.hpp"
#include "refresh/program/scope.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_language_d.h"
#include "catalog/pg_proc.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/planner.h"
#include "storage/sinval.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
}

#include <algorithm>

namespace pgtrickle {

namespace {

/* ---- the query that a plan carries ---------------------------------------------------- */

const char *const carried_name = "pg_trickle exact read";

bool is_sql_function(Oid function)
{
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple))
        return false;
    const bool answer = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple))->prolang == SQLlanguageId;
    ReleaseSysCache(tuple);
    return answer;
}

/* A foreign table, or what the planner may replace by one: a parent, and a call of an SQL function. */
bool may_read_stream_table(const RangeTblEntry *entry)
{
    if (entry->rtekind == RTE_RELATION)
        return entry->relkind == RELKIND_FOREIGN_TABLE ? find_served_relation(entry->relid) != nullptr || entry->inh
                                                       : entry->inh && has_subclass(entry->relid);
    if (entry->rtekind != RTE_FUNCTION || list_length(entry->functions) != 1)
        return false;
    Node *call = linitial_node(RangeTblFunction, entry->functions)->funcexpr;
    return IsA(call, FuncExpr) && is_sql_function(reinterpret_cast<FuncExpr *>(call)->funcid);
}

bool finds_stream_table(Node *node, void *context)
{
    if (node == nullptr)
        return false;
    if (IsA(node, Query))
        return walk_query(reinterpret_cast<Query *>(node), finds_stream_table, context, QTW_EXAMINE_RTES_BEFORE);
    if (IsA(node, RangeTblEntry))
        return may_read_stream_table(reinterpret_cast<RangeTblEntry *>(node));
    return walk_expression(node, finds_stream_table, context);
}

/* Returns the entry that carries the query, or null. Its `inh` says whether the query may call functions that read, and
 * its `enrtuples` is the count of relation changes when the planning began. */
const RangeTblEntry *carrier_of(const PlannedStmt *plan)
{
    if (plan->rtable == NIL)
        return nullptr;
    const auto *last = llast_node(RangeTblEntry, plan->rtable);
    const bool is_carrier = last->rtekind == RTE_SUBQUERY && last->subquery != nullptr && last->eref != nullptr &&
                            strcmp(last->eref->aliasname, carried_name) == 0;
    return is_carrier ? last : nullptr;
}

/* ---- functions that read -------------------------------------------------------------- */

bool may_read(Oid function, void *)
{
    return function >= FirstNormalObjectId ? func_volatile(function) != PROVOLATILE_IMMUTABLE : runs_text(function);
}

bool calls_readers(Node *node, void *context)
{
    if (node == nullptr)
        return false;
    switch (nodeTag(node)) {
    case T_Query: return walk_query(reinterpret_cast<Query *>(node), calls_readers, context, 0);
    case T_Aggref:
        if (reinterpret_cast<Aggref *>(node)->aggfnoid >= FirstNormalObjectId)
            return true;
        break;
    case T_WindowFunc:
        if (reinterpret_cast<WindowFunc *>(node)->winfnoid >= FirstNormalObjectId)
            return true;
        break;
    case T_CoerceToDomain:
    case T_CoerceViaIO: /* into a domain, perhaps */
        if (DomainHasConstraints(exprType(node)))
            return true;
        break;
    default: break;
    }
    return check_functions_in_node(node, may_read, nullptr) || walk_expression(node, calls_readers, context);
}

/* ---- what has to be read exactly ------------------------------------------------------ */

/* Returns those that have to be computed, as one without rows has to be: its owner is the right one, unless it is being
 * restored. */
List *find_computed(const QueryDesc *query, const Oid *relids, int count)
{
    List *computed = NIL;
    for (int i = 0; i < count; i++) {
        /* A storage that is newer than the snapshot is not read. */
        const bool is_seen = storage::is_seen_as_it_is(find_served_relation(relids[i])->storage, query->snapshot);
        const state::VisibleRow row = state::visible_row(relids[i], is_seen ? query->snapshot : nullptr);
        if (!row.is_populated && definition::is_restored_elsewhere(relids[i]))
            require_populated(relids[i], {Verdict::stale, Obstacle::none, false});
        if (!is_seen || lacks_unlogged_changes(relids[i], query->snapshot->curcid) ||
            may_differ_from_query(relids[i], query->snapshot, row))
            computed = lappend_oid(computed, relids[i]);
    }
    return computed;
}

/* Returns the tables from which the stream tables are computed, at any distance. */
List *tables_of(const Oid *relids, int count)
{
    List *tables = NIL;
    enter([&] {
        for (int i = 0; i < count; i++)
            for (const Source &source : definition::all_sources_of(relids[i]))
                if (source.kind == SourceKind::table)
                    tables = call([&] { return list_append_unique_oid(tables, source.relid); });
    });
    return tables;
}

List *locked_tables_of(const Oid *relids, int count)
{
    List *tables = tables_of(relids, count);
    ListCell *cell;
    foreach (cell, tables)
        capture::lock_to_read(lfirst_oid(cell));
    return tables;
}

/* C++ frame. */
void lock_logs_of(const List *tables, capture::ReadLocks *locks)
{
    for (const Oid source : state::to_vector(tables))
        locks->lock(source);
}

/* Returns true if the snapshot shows each table as its log does. They are locked, so this remains true. */
bool are_seen_as_logged(const List *tables, Snapshot snapshot)
{
    return enter([=] {
        const std::vector<Oid> sources = state::to_vector(tables);
        return std::all_of(sources.begin(), sources.end(),
                           [=](Oid source) { return capture::is_seen_beside_own_work(source, snapshot); });
    });
}

/* Plans the statement again: it computes these stream tables. */
void make_plan(QueryDesc *query, int flags, const List *computed)
{
    auto *carried = static_cast<Query *>(copyObjectImpl(carrier_of(query->plannedstmt)->subquery));
    /* A cursor that moves backward gets a plan that supports that. */
    const int options = (flags & EXEC_FLAG_BACKWARD) != 0 ? CURSOR_OPT_SCROLL : 0;
    enter([&] {
        ExactPlanning planning(computed, query->snapshot);
        query->plannedstmt = call([&] { return planner(carried, query->sourceText, options, query->params); });
    });
}

/* As make_plan(). ATTACH and INHERIT wait for no reader, nor does CREATE OR REPLACE FUNCTION, and planning may wait for
 * a transaction that gives an upstream another query: the plan may combine what was before such a command with what was
 * after it. Under the snapshot of a transaction, the statement is planned again then, with `computed` as it is now.
 * Returns false if it needs a new snapshot, or there is always another command. `invalidations` is
 * SharedInvalidMessageCounter from before the tables were found to be seen as logged. */
bool make_consistent_plan(QueryDesc *query, int flags, List **computed, const Oid *relids, int count,
                          uint64 invalidations)
{
    PlannedStmt *before = query->plannedstmt;
    const bool is_fixed = IsolationUsesXactSnapshot();
    for (int left = is_fixed ? 10 : 1; left > 0; left--) {
        /* Under the snapshot of a transaction, what was redefined before is computed as a whole (state::VisibleRow). */
        const int64 generations = generations_of(relids, count, is_fixed ? nullptr : query->snapshot);
        query->plannedstmt = before;
        make_plan(query, flags, *computed);
        AcceptInvalidationMessages();
        const bool is_of_one_state = generations_of(relids, count, nullptr) == generations;
        if (is_of_one_state && SharedInvalidMessageCounter == invalidations)
            return true;
        invalidations = SharedInvalidMessageCounter;
        if (!are_seen_as_logged(locked_tables_of(relids, count), query->snapshot))
            return false;
        if (is_of_one_state)
            return true;
        *computed = find_computed(query, relids, count);
    }
    return false;
}

/* Replaces the plan, if there is need to. Allocates in the current memory context. The logs that it has looked at stay
 * locked until `locks` ends, so that the plan finds in them what the first look did. */
Planned replace_plan(QueryDesc *query, int flags, const Oid *relids, int count, PlanAge age, capture::ReadLocks *locks)
{
    const TimestampTz now = GetCurrentTimestamp();
    List *all = NIL;
    for (int i = 0; i < count; i++)
        all = lappend_oid(all, relids[i]);
    /* Look-ups of which an earlier statement has found, for the same transactions, that no pending change concerns
     * them, need not read the changes again. */
    if (age == PlanAge::of_snapshot && reads_untouched_rows(query, all, SourceRows::are_known)) {
        remember_exact_reads(all, now);
        return Planned::as_before;
    }
    List *computed = find_computed(query, relids, count);
    if (computed == NIL && age == PlanAge::of_snapshot)
        return Planned::as_before;
    /* A TRUNCATE cannot commit between looking for the changes of one table, or stream table, and of another then. */
    const List *tables = locked_tables_of(relids, count);
    enter([=] { lock_logs_of(tables, locks); });
    const uint64 invalidations = SharedInvalidMessageCounter;
    /* Nothing that belongs to the tables changes any more. */
    if (!may_all_be_computed(relids, count))
        raise_replaced_source(relids, count, query->snapshot);
    if (!are_seen_as_logged(tables, query->snapshot))
        return Planned::source_is_replaced;
    if (count > 1)
        computed = find_computed(query, relids, count);
    const bool is_as_before =
        age == PlanAge::of_snapshot && reads_untouched_rows(query, computed, SourceRows::are_read);
    if (!is_as_before && !make_consistent_plan(query, flags, &computed, relids, count, invalidations))
        return Planned::source_is_replaced;
    remember_exact_reads(computed, now);
    return is_as_before ? Planned::as_before : Planned::again;
}

} // namespace

const Query *copy_for_exact_plan(const Query *query)
{
    const bool is_candidate = is_reader() && !is_planning_exactly() &&
                              finds_stream_table(const_cast<Node *>(reinterpret_cast<const Node *>(query)), nullptr);
    return is_candidate ? static_cast<const Query *>(copyObjectImpl(query)) : nullptr;
}

void keep_for_exact_plan(PlannedStmt *plan, const Query *query, uint64 begun)
{
    int count = 0;
    if (query != nullptr)
        (void)stream_tables_of(plan, &count);
    if (count == 0)
        return;
    RangeTblEntry *carrier = makeNode(RangeTblEntry);
    carrier->rtekind = RTE_SUBQUERY;
    carrier->subquery = const_cast<Query *>(query);
    carrier->eref = makeAlias(carried_name, NIL);
    carrier->inh = calls_readers(const_cast<Node *>(reinterpret_cast<const Node *>(query)), nullptr);
    carrier->enrtuples = static_cast<double>(begun);
    watch_parents(plan, begun);
    plan->rtable = lappend(plan->rtable, carrier);
}

bool is_to_be_planned_again(const PlannedStmt *plan)
{
    const RangeTblEntry *carrier = carrier_of(plan);
    return carrier != nullptr && is_older_than_children(plan, static_cast<uint64>(carrier->enrtuples));
}

bool may_call_readers(const PlannedStmt *plan)
{
    if (plan->commandType != CMD_SELECT || plan->hasModifyingCTE)
        return true; /* triggers */
    if (const RangeTblEntry *carrier = carrier_of(plan))
        return carrier->inh;
    ListCell *cell;
    foreach (cell, plan->invalItems)
        if (lfirst_node(PlanInvalItem, cell)->cacheId == PROCOID)
            return true;
    return false;
}

bool may_all_be_computed(const Oid *relids, int count)
{
    return enter([=] { return std::all_of(relids, relids + count, refresh::may_run_here); });
}

bool is_read_exactly(const PlannedStmt *plan, const Oid *relids, int count)
{
    return (guc::read_mode == static_cast<int>(guc::ReadMode::exact) || refresh::is_reading_exactly()) &&
           can_be_read_exactly(plan) && may_all_be_computed(relids, count);
}

bool can_be_read_exactly(const PlannedStmt *plan)
{
    return carrier_of(plan) != nullptr;
}

namespace {

template <class Test> bool are_all_tables(const Oid *relids, int count, Test test)
{
    ListCell *cell;
    foreach (cell, tables_of(relids, count))
        if (!test(lfirst_oid(cell)))
            return false;
    return true;
}

} // namespace

bool can_be_computed_at_once(Oid relid)
{
    return are_all_tables(&relid, 1, capture::try_lock_to_read);
}

bool could_all_be_computed_at_once(const Oid *relids, int count)
{
    return may_all_be_computed(relids, count) && are_all_tables(relids, count, capture::is_readable_now);
}

Planned plan_exact_reads(QueryDesc *query, int flags, const Oid *relids, int count, PlanAge age, MemoryContext *memory)
{
    *memory = AllocSetContextCreate(CurrentMemoryContext, "plan of exact reads", ALLOCSET_DEFAULT_SIZES);
    MemoryContext previous = MemoryContextSwitchTo(*memory);
    const Planned planned = enter([=] {
        capture::ReadLocks locks;
        return call([&] { return replace_plan(query, flags, relids, count, age, &locks); });
    });
    MemoryContextSwitchTo(previous);
    if (planned != Planned::again) {
        MemoryContextDelete(*memory);
        *memory = nullptr;
    }
    return planned;
}

bool relies_on_newer_constraint(const QueryDesc *query, const Oid *relids, int count)
{
    const List *tables = locked_tables_of(relids, count);
    Snapshot latest = RegisterSnapshot(GetCatalogSnapshot(RelationRelationId));
    const bool is_any = enter([=] {
        const capture::OldSnapshot old = capture::OldSnapshot::of(query->snapshot, latest);
        return call([&] {
            ListCell *cell;
            foreach (cell, tables)
                if (capture::has_newer_constraint(lfirst_oid(cell), InvalidOid, old))
                    return true;
            return false;
        });
    });
    UnregisterSnapshot(latest);
    return is_any;
}

void raise_replaced_source(const Oid *relids, int count, Snapshot snapshot)
{
    ListCell *cell;
    foreach (cell, tables_of(relids, count))
        capture::require_untrimmed(lfirst_oid(cell), snapshot);
    ereport(ERROR,
            (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
             errmsg("could not read stream table \"%s\" under this transaction's snapshot", get_rel_name(relids[0])),
             errdetail("A source was truncated, rewritten or repartitioned, or the stream table was redefined, "
                       "after the snapshot was taken."),
             errhint("Retry the transaction.")));
}

} // namespace pgtrickle
