#include "fdw/scan/touched_values.hpp"

#include "capture/ddl/repeatable_read.hpp"
#include "capture/log/log.hpp"
#include "capture/triggers/open_statement.hpp"
#include "definition/state/state.hpp"
#include "definition/stream_table.hpp"
#include "fdw/scan/exact_planning.hpp"
#include "fdw/scan/touched_queries.hpp"
#include "pg/versions/executor.hpp"
#include "refresh/program/kept_plan.hpp"
#include "refresh/program/statement.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "executor/executor.h"
#include "executor/tstoreReceiver.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/planner.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"
#include "utils/typcache.h"
}

#include <algorithm>
#include <set>
#include <vector>

namespace pgtrickle {

namespace {

/* More logged changes than this are not looked through: the defining query is run instead. */
constexpr int64 most_changes = 10000;

/* ---- changed rows ---------------------------------------------------------------------- */

void add_columns(const Shape &shape, ::Node *node, Oid relid, std::set<AttrNumber> *columns)
{
    for (const Reference &reference : shape.references) {
        if (reference.relid != relid)
            continue;
        Bitmapset *used = nullptr;
        call([&] { pull_varattnos(node, reference.number, &used); });
        for (int member = -1; (member = bms_next_member(used, member)) >= 0;)
            columns->insert(static_cast<AttrNumber>(member + FirstLowInvalidHeapAttributeNumber));
    }
}

/* Reads what is pending of the source. Returns false if its log does not show that. */
bool read_pending(const Shape &shape, const Column &column, const Source &source, const Frontier &frontier,
                  Snapshot snapshot, Pending *pending)
{
    std::set<AttrNumber> used;
    for (const Condition &condition : shape.conditions)
        add_columns(shape, condition.clause, source.relid, &used);
    add_columns(shape, reinterpret_cast<::Node *>(column.var), source.relid, &used);
    if (used.empty() && !source.columns.empty())
        used.insert(source.columns.front());
    if (used.empty() || *used.begin() <= 0)
        return false;
    ChangedRows changed = {source.relid, {used.begin(), used.end()}, nullptr, nullptr, 0};
    const bool is_read = call([&] {
        const int64 count = capture::count_changes(source.relid, frontier, snapshot);
        if (count < 0 || count > most_changes)
            return false;
        if (count == 0)
            return true;
        const int columns = static_cast<int>(changed.columns.size());
        changed.descriptor = capture::changes_descriptor(source.relid, changed.columns.data(), columns);
        changed.rows = tuplestore_begin_heap(false, false, work_mem);
        const capture::Changes read = capture::read_changes(source.relid, frontier, snapshot, changed.columns.data(),
                                                            columns, false, NIL, {}, changed.rows);
        changed.count = read.rows;
        return !read.has_marker;
    });
    if (changed.rows != nullptr)
        pending->changed.push_back(changed);
    return is_read && (source.kind == SourceKind::table || capture::is_seen_beside_own_work(source.relid, snapshot));
}

/* ---- values of k that changed rows join ------------------------------------------------- */

void add_value(TouchedValues *touched, const Column &column, Datum value, bool is_null)
{
    if (is_null) {
        touched->has_null = true;
        return;
    }
    int16 length;
    bool is_by_value;
    get_typlenbyval(column.var->vartype, &length, &is_by_value);
    Const *found = makeConst(column.var->vartype, -1, column.var->varcollid, length,
                             datumCopy(value, is_by_value, length), false, is_by_value);
    touched->values = lappend(touched->values, found);
}

/* Adds the values in one column of the rows. PostgreSQL frame. */
void add_values(TouchedValues *touched, const Column &column, Tuplestorestate *rows, TupleDesc descriptor, int number)
{
    TupleTableSlot *slot = MakeSingleTupleTableSlot(descriptor, &TTSOpsMinimalTuple);
    tuplestore_rescan(rows);
    while (tuplestore_gettupleslot(rows, true, false, slot)) {
        bool is_null;
        const Datum value = slot_getattr(slot, number, &is_null);
        add_value(touched, column, value, is_null);
    }
    ExecDropSingleTupleTableSlot(slot);
}

PlannedStmt *planned(Oid relid, const Query *query)
{
    return refresh::plan_for_present_rows(call([=] { return rewritten_known(relid, query); }));
}

/* The costs of the statements that search for values, as the planner estimates them, and that of the defining query,
 * which is run instead if it costs less. */
class SearchCosts {
  public:
    SearchCosts(Oid relid, const Shape &shape, const Column &column) : relid_(relid), shape_(shape), column_(column) {}

    /* Adds a statement, which searches for the values that changes of `changed` concern. Returns false if the search
     * costs too much. */
    bool add(const PlannedStmt *plan, const Reference &changed)
    {
        all_ += plan->planTree->total_cost;
        if (all_ <= std::max(small_cost, of_query_))
            return true;
        const PlannedStmt *same_joins = planned(relid_, query_of_joins(shape_, column_, changed));
        of_query_ = std::max(of_query_, same_joins->planTree->total_cost);
        return all_ <= of_query_;
    }

  private:
    static constexpr Cost small_cost = 1000; /* not worth a comparison */
    Oid relid_;
    const Shape &shape_;
    const Column &column_;
    Cost all_ = 0;
    Cost of_query_ = 0; /* at least */
};

/* Runs the statement, whose result is one column, and adds its values. PostgreSQL frame. */
void add_result(TouchedValues *touched, const Column &column, const PlannedStmt *plan, Snapshot snapshot)
{
    Tuplestorestate *rows = tuplestore_begin_heap(false, false, work_mem);
    DestReceiver *receiver = CreateTuplestoreDestReceiver();
    SetTuplestoreDestReceiverParams(receiver, rows, CurrentMemoryContext, false, nullptr, nullptr);
    QueryDesc *running = CreateQueryDesc(const_cast<PlannedStmt *>(plan), "", snapshot, InvalidSnapshot, receiver,
                                         nullptr, refresh::relations_in_memory(), 0);
    ExecutorStart(running, EXEC_FLAG_SKIP_TRIGGERS);
    run_to_end(running);
    ExecutorFinish(running);
    add_values(touched, column, rows, running->tupDesc, 1);
    ExecutorEnd(running);
    FreeQueryDesc(running);
    receiver->rDestroy(receiver);
    tuplestore_end(rows);
}

struct Order {
    FmgrInfo *compare;
    Oid collation;
};

int compare_values(const void *one, const void *other, void *context)
{
    const auto *order = static_cast<const Order *>(context);
    return DatumGetInt32(FunctionCall2Coll(order->compare, order->collation,
                                           (*static_cast<Const *const *>(one))->constvalue,
                                           (*static_cast<Const *const *>(other))->constvalue));
}

/* Leaves each value once, if the type has an order. PostgreSQL frame. */
void remove_duplicates(TouchedValues *touched, const Column &column)
{
    TypeCacheEntry *type = lookup_type_cache(column.var->vartype, TYPECACHE_CMP_PROC_FINFO);
    const int count = list_length(touched->values);
    if (!OidIsValid(type->cmp_proc) || count == 0)
        return;
    auto **values = static_cast<Const **>(palloc(sizeof(Const *) * count));
    ListCell *cell;
    foreach (cell, touched->values)
        values[foreach_current_index(cell)] = lfirst_node(Const, cell);
    Order order = {&type->cmp_proc_finfo, column.var->varcollid};
    qsort_arg(values, count, sizeof(Const *), compare_values, &order);
    touched->values = NIL;
    for (int i = 0; i < count; i++)
        if (i == 0 || compare_values(&values[i - 1], &values[i], &order) != 0)
            touched->values = lappend(touched->values, values[i]);
}

/* Makes the logged rows readable, and their tables known to the planner. */
void register_pending(const Pending &pending)
{
    for (const ChangedRows &changed : pending.changed)
        refresh::register_rows(
            changed.name(), changed.rows, changed.descriptor, changed.count,
            {changed.relid, changed.columns.data(), static_cast<int>(changed.columns.size()), false});
    refresh::estimate_rows(true);
}

/* A query for values returns most_touched_values + 1 rows at most, of which NULL may be one. */
bool are_too_many(const TouchedValues &touched)
{
    return list_length(touched.values) + (touched.has_null ? 1 : 0) > most_touched_values;
}

bool find_values(Oid relid, const Shape &shape, const Column &column, const Pending &pending, Snapshot snapshot,
                 TouchedValues *touched)
{
    refresh::RelationsInMemory relations;
    register_pending(pending);
    SearchCosts costs(relid, shape, column);
    for (const Reference &reference : shape.references) {
        const ChangedRows *rows = pending.of(reference.relid);
        if (rows == nullptr)
            continue;
        if (reference.number == static_cast<Index>(column.var->varno)) {
            const int number = rows->number_of(column.var->varattno);
            call([&] { add_values(touched, column, rows->rows, rows->descriptor, number); });
        } else {
            const Query *query = query_for_values(shape, column, pending, reference);
            const PlannedStmt *plan = query != nullptr ? planned(relid, query) : nullptr;
            if (plan == nullptr || !costs.add(plan, reference))
                return false;
            call([&] { add_result(touched, column, plan, snapshot); });
        }
        if (are_too_many(*touched))
            return false;
    }
    call([&] { remove_duplicates(touched, column); });
    return true;
}

void set_column(TouchedValues *touched, const Shape &shape, const Column &column)
{
    touched->output = column.output;
    touched->equals = column.equals;
    touched->type = column.compared_as;
    touched->table = reference_of(shape, static_cast<Index>(column.var->varno))->relid;
    touched->column = column.var->varattno;
    touched->collation = column.var->varcollid;
    touched->is_read_once = std::count_if(shape.references.begin(), shape.references.end(),
                                          [=](const Reference &each) { return each.relid == touched->table; }) == 1;
    touched->is_indexed = column.is_indexed;
}

/* Changes of a source that the query does not read in FROM would touch nothing. */
bool is_in_from(const Shape &shape, Oid source)
{
    return std::any_of(shape.references.begin(), shape.references.end(),
                       [=](const Reference &reference) { return reference.relid == source; });
}

bool find_of_pending(Oid relid, const Shape &shape, const Column &column, const Frontier &frontier, Snapshot snapshot,
                     Pending *pending, TouchedValues *touched)
{
    const std::vector<Source> sources = definition::sources_of(relid);
    for (const Source &source : sources) {
        if (source.kind != SourceKind::table || !source.is_captured || !is_in_from(shape, source.relid))
            return false;
        call([&] { capture::lock_to_read(source.relid); });
    }
    for (const Source &source : sources) {
        if (!read_pending(shape, column, source, frontier, snapshot, pending))
            return false;
    }
    set_column(touched, shape, column);
    return find_values(relid, shape, column, *pending, snapshot, touched);
}

bool find(Oid relid, const Query *query, Snapshot snapshot, const Bitmapset *outputs, TouchedValues *touched)
{
    const Shape shape = shape_of(query);
    Column column = {};
    if (!shape.is_supported || !find_column(shape, outputs, &column))
        return false;
    const state::VisibleRow seen = call([=] { return state::visible_row(relid, snapshot); });
    if (seen.frontier == nullptr || seen.needs_reinit)
        return false;
    const Frontier frontier = Frontier::from_text(seen.frontier, seen.own_xid, seen.own_seq);
    Pending pending;
    const bool is_found = find_of_pending(relid, shape, column, frontier, snapshot, &pending, touched);
    for (const ChangedRows &changed : pending.changed)
        call([&] { tuplestore_end(changed.rows); });
    return is_found;
}

} // namespace

bool find_touched_column(const Query *query, const Bitmapset *outputs, TouchedValues *touched)
{
    return enter([=] {
        const Shape shape = shape_of(query);
        Column column = {};
        if (!shape.is_supported || !find_column(shape, outputs, &column))
            return false;
        set_column(touched, shape, column);
        return true;
    });
}

bool find_touched_values(Oid relid, const Query *query, Snapshot snapshot, const Bitmapset *outputs,
                         TouchedValues *touched)
{
    return enter([=] { return find(relid, query, snapshot, outputs, touched); });
}

} // namespace pgtrickle
