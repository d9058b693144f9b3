#include "fdw/scan/touched_values.hpp"

#include "capture/ddl/repeatable_read.hpp"
#include "capture/log/log.hpp"
#include "capture/triggers/open_statement.hpp"
#include "definition/query/rewritten_query.hpp"
#include "definition/state/state.hpp"
#include "definition/stream_table.hpp"
#include "fdw/scan/query_shape.hpp"
#include "fdw/scan/query_trees.hpp"
#include "pg/versions/executor.hpp"
#include "pg/versions/planner.hpp"
#include "pg/versions/rights.hpp"
#include "pg/walker.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "catalog/pg_type_d.h"
#include "executor/executor.h"
#include "executor/tstoreReceiver.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/planner.h"
#include "parser/parse_clause.h"
#include "parser/parse_oper.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/queryenvironment.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"
#include "utils/typcache.h"
}

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace pgtrickle {

namespace {

/* More logged changes, or more values, than this are not looked through: the defining query is run instead. */
constexpr int64 most_changes = 10000;
constexpr int most_values = 10000;

/* ---- changed rows ---------------------------------------------------------------------- */

/* The logged rows of a changed table: the columns that a query for values reads. */
struct ChangedRows {
    Oid relid;
    std::vector<AttrNumber> columns;
    TupleDesc descriptor;
    Tuplestorestate *rows;
    int64 count;
    std::string name() const { return "changed_" + std::to_string(relid); }
    int number_of(AttrNumber column) const
    {
        return static_cast<int>(std::lower_bound(columns.begin(), columns.end(), column) - columns.begin()) + 1;
    }
};

struct Pending {
    std::vector<ChangedRows> changed;
    const ChangedRows *of(Oid relid) const
    {
        for (const ChangedRows &each : changed)
            if (each.relid == relid)
                return &each;
        return nullptr;
    }
};

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

/* Returns a range-table entry for the logged rows of a table. PostgreSQL frame. */
RangeTblEntry *entry_of(const char *name, TupleDesc descriptor, int64 count)
{
    RangeTblEntry *entry = makeNode(RangeTblEntry);
    entry->rtekind = RTE_NAMEDTUPLESTORE;
    entry->enrname = pstrdup(name);
    entry->enrtuples = static_cast<double>(count);
    entry->inFromCl = true;
    entry->eref = makeAlias(name, NIL);
    for (int i = 0; i < descriptor->natts; i++) {
        const FormData_pg_attribute *column = TupleDescAttr(descriptor, i);
        entry->eref->colnames = lappend(entry->eref->colnames, makeString(pstrdup(NameStr(column->attname))));
        entry->coltypes = lappend_oid(entry->coltypes, column->atttypid);
        entry->coltypmods = lappend_int(entry->coltypmods, column->atttypmod);
        entry->colcollations = lappend_oid(entry->colcollations, column->attcollation);
    }
    return entry;
}

/* Returns SELECT columns FROM entry, with the privileges that the query requires for it. PostgreSQL frame. */
Query *select_from(const Query *outer, RangeTblEntry *entry, TupleDesc descriptor, const AttrNumber *columns)
{
    Query *query = makeNode(Query);
    if (entry->rtekind == RTE_RELATION) {
        const EntryRights rights = rights_of(outer, entry);
        set_rights(query, entry, rights);
    }
    query->rtable = list_make1(entry);
    read_only_entry(query, nullptr);
    for (int i = 0; i < descriptor->natts - 1; i++) { /* all but the weight */
        const FormData_pg_attribute *column = TupleDescAttr(descriptor, i);
        const auto number = static_cast<AttrNumber>(i + 1);
        Var *var = makeVar(1, columns != nullptr ? columns[i] : number, column->atttypid, column->atttypmod,
                           column->attcollation, 0);
        query->targetList = lappend(query->targetList, makeTargetEntry(reinterpret_cast<Expr *>(var), number,
                                                                       pstrdup(NameStr(column->attname)), false));
    }
    return query;
}

struct Renumbering {
    Index number;
    const AttrNumber *columns;
    int count;
};

::Node *renumber(::Node *node, void *context)
{
    const auto *renumbering = static_cast<Renumbering *>(context);
    if (node == nullptr)
        return nullptr;
    if (IsA(node, Var)) {
        auto *var = static_cast<Var *>(copyObjectImpl(node));
        for (int i = 0; static_cast<Index>(var->varno) == renumbering->number && i < renumbering->count; i++)
            if (var->varattno == renumbering->columns[i]) {
                var->varattno = static_cast<AttrNumber>(i + 1);
                break;
            }
        return reinterpret_cast<::Node *>(var);
    }
    return mutate_expression(node, renumber, context);
}

/* Nothing refers to the joins of FROM any more. They would be read with the numbers that columns had. PostgreSQL frame.
 */
void remove_joins(List *range_table)
{
    ListCell *cell;
    foreach (cell, range_table) {
        const auto *entry = lfirst_node(RangeTblEntry, cell);
        if (entry->rtekind != RTE_JOIN && !is_group_entry(entry))
            continue;
        RangeTblEntry *nothing = makeNode(RangeTblEntry);
        nothing->rtekind = RTE_RESULT;
        nothing->eref = makeAlias("join", NIL);
        lfirst(cell) = nothing;
    }
}

/* Returns the query for the values of k that the logged rows join in the place of `changed`. */
Query *query_for_values(const Shape &shape, const Column &column, const Pending &pending, const Reference &changed)
{
    Query *query = call([&] { return static_cast<Query *>(copyObjectImpl(shape.query)); });
    List *quals = NIL, *from = NIL;
    std::set<Index> included;
    for (const Reference &reference : shape.references)
        if (is_prefix(reference.sides, changed.sides))
            included.insert(reference.number);
    for (const Condition &condition : shape.conditions) {
        bool is_used = is_prefix(condition.sides, changed.sides);
        Bitmapset *read = call([&] { return pull_varnos(nullptr, condition.clause); });
        for (int number = -1; (number = bms_next_member(read, number)) >= 0;) {
            const Reference *reference = reference_of(shape, static_cast<Index>(number));
            is_used &= reference != nullptr && included.count(reference->number) > 0 &&
                       is_prefix(reference->sides, condition.sides);
        }
        if (is_used)
            quals = call([&] { return lappend(quals, copyObjectImpl(condition.clause)); });
    }
    ::Node *value = call([&] { return static_cast<::Node *>(copyObjectImpl(column.var)); });
    for (const Reference &reference : shape.references) {
        if (included.count(reference.number) == 0)
            continue;
        const ChangedRows *rows = pending.of(reference.relid);
        const std::string name = rows != nullptr ? rows->name() : "";
        call([&] {
            RangeTblRef *item = makeNode(RangeTblRef);
            item->rtindex = static_cast<int>(reference.number);
            from = lappend(from, item);
            if (rows == nullptr)
                return;
            ListCell *cell = list_nth_cell(query->rtable, static_cast<int>(reference.number) - 1);
            RangeTblEntry *logged = entry_of(name.c_str(), rows->descriptor, rows->count);
            if (reference.number == changed.number)
                lfirst(cell) = logged;
            else
                lfirst(cell) = subquery_entry(union_all(select_from(query, static_cast<RangeTblEntry *>(lfirst(cell)),
                                                                    rows->descriptor, rows->columns.data()),
                                                        select_from(query, logged, rows->descriptor, nullptr)),
                                              "rows");
            Renumbering renumbering = {reference.number, rows->columns.data(), static_cast<int>(rows->columns.size())};
            quals = reinterpret_cast<List *>(renumber(reinterpret_cast<::Node *>(quals), &renumbering));
            value = renumber(value, &renumbering);
        });
    }
    call([&] {
        remove_joins(query->rtable);
        TargetEntry *target = makeTargetEntry(reinterpret_cast<Expr *>(value), 1, pstrdup("value"), false);
        target->ressortgroupref = 1;
        query->targetList = list_make1(target);
        query->jointree =
            makeFromExpr(from, quals == NIL ? nullptr : reinterpret_cast<::Node *>(make_ands_explicit(quals)));
        SortGroupClause *distinct = makeNode(SortGroupClause);
        distinct->tleSortGroupRef = 1;
        get_sort_group_operators(column.var->vartype, false, true, false, &distinct->sortop, &distinct->eqop, nullptr,
                                 &distinct->hashable);
        query->groupClause = query->windowClause = query->sortClause = NIL;
        query->havingQual = nullptr;
        clear_group_entry(query);
        query->limitCount = reinterpret_cast<::Node *>(
            makeConst(INT8OID, -1, InvalidOid, sizeof(int64), Int64GetDatum(most_values + 1), false, true));
        query->hasAggs = query->hasWindowFuncs = query->hasDistinctOn = false;
        query->distinctClause = list_make1(distinct);
    });
    return query;
}

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

/* Runs the query, whose result is one column, and adds its values. PostgreSQL frame. */
void add_result(TouchedValues *touched, const Column &column, const Query *query, QueryEnvironment *environment,
                Snapshot snapshot)
{
    PlannedStmt *plan = standard_planner(definition::rewritten(query), "", 0, nullptr);
    Tuplestorestate *rows = tuplestore_begin_heap(false, false, work_mem);
    DestReceiver *receiver = CreateTuplestoreDestReceiver();
    SetTuplestoreDestReceiverParams(receiver, rows, CurrentMemoryContext, false, nullptr, nullptr);
    QueryDesc *running = CreateQueryDesc(plan, "", snapshot, InvalidSnapshot, receiver, nullptr, environment, 0);
    standard_ExecutorStart(running, EXEC_FLAG_SKIP_TRIGGERS);
    run_to_end(running);
    standard_ExecutorFinish(running);
    add_values(touched, column, rows, running->tupDesc, 1);
    standard_ExecutorEnd(running);
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

QueryEnvironment *environment_of(const Pending &pending)
{
    QueryEnvironment *environment = call([] { return create_queryEnv(); });
    for (const ChangedRows &changed : pending.changed) {
        const std::string name = changed.name();
        call([&] {
            auto *relation = static_cast<EphemeralNamedRelation>(palloc0(sizeof(EphemeralNamedRelationData)));
            relation->md.name = pstrdup(name.c_str());
            relation->md.tupdesc = changed.descriptor;
            relation->md.enrtype = ENR_NAMED_TUPLESTORE;
            relation->md.enrtuples = static_cast<double>(changed.count);
            relation->reldata = changed.rows;
            register_ENR(environment, relation);
        });
    }
    return environment;
}

bool find_values(const Shape &shape, const Column &column, const Pending &pending, Snapshot snapshot,
                 TouchedValues *touched)
{
    QueryEnvironment *environment = environment_of(pending);
    for (const Reference &reference : shape.references) {
        const ChangedRows *rows = pending.of(reference.relid);
        if (rows == nullptr)
            continue;
        if (reference.number == static_cast<Index>(column.var->varno)) {
            const int number = rows->number_of(column.var->varattno);
            call([&] { add_values(touched, column, rows->rows, rows->descriptor, number); });
        } else {
            const Query *query = query_for_values(shape, column, pending, reference);
            call([&] { add_result(touched, column, query, environment, snapshot); });
        }
        if (list_length(touched->values) > most_values)
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
    return find_values(shape, column, *pending, snapshot, touched);
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
