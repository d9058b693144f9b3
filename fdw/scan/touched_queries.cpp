#include "fdw/scan/touched_queries.hpp"

#include "fdw/scan/query_trees.hpp"
#include "pg/versions/planner.hpp"
#include "pg/versions/rights.hpp"
#include "pg/walker.hpp"

extern "C" {
#include "catalog/pg_type_d.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_oper.h"
}

#include <set>

namespace pgtrickle {

namespace {

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

/* The references and conditions that are joined with a changed row. */
struct Joins {
    std::set<Index> references;
    std::vector<const Condition *> conditions;
};

std::set<Index> references_in(const Condition &condition)
{
    std::set<Index> found;
    Bitmapset *read = call([&] { return pull_varnos(nullptr, condition.clause); });
    for (int number = -1; (number = bms_next_member(read, number)) >= 0;)
        found.insert(static_cast<Index>(number));
    return found;
}

/* Whether the condition holds where a row of `changed` is joined. */
bool is_used(const Shape &shape, const Condition &condition, const std::set<Index> &read, const Reference &changed)
{
    return is_prefix(condition.sides, changed.sides) && std::all_of(read.begin(), read.end(), [&](Index number) {
               const Reference *reference = reference_of(shape, number);
               return reference != nullptr && is_prefix(reference->sides, changed.sides) &&
                      is_prefix(reference->sides, condition.sides);
           });
}

/* A reference that no condition connects with `changed` would only multiply the rows. */
Joins joins_with(const Shape &shape, const Reference &changed)
{
    std::vector<std::pair<const Condition *, std::set<Index>>> used;
    for (const Condition &condition : shape.conditions)
        if (std::set<Index> read = references_in(condition); is_used(shape, condition, read, changed))
            used.emplace_back(&condition, std::move(read));
    Joins joins = {{changed.number}, {}};
    auto is_joined = [&](Index number) { return joins.references.contains(number); };
    for (size_t before = 0; before < joins.references.size();) {
        before = joins.references.size();
        for (const auto &[condition, read] : used)
            if (std::any_of(read.begin(), read.end(), is_joined))
                joins.references.insert(read.begin(), read.end());
    }
    for (const auto &[condition, read] : used)
        if (std::all_of(read.begin(), read.end(), is_joined))
            joins.conditions.push_back(condition);
    return joins;
}

/* Returns the query for the values of k in the joins with `changed`, each as often as it is there; null if these do not
 * include the table of k. */
Query *joined_values(const Shape &shape, const Column &column, const Pending &pending, const Reference &changed)
{
    const Joins joins = joins_with(shape, changed);
    if (!joins.references.contains(static_cast<Index>(column.var->varno)))
        return nullptr;
    Query *query = call([&] { return static_cast<Query *>(copyObjectImpl(shape.query)); });
    List *quals = NIL, *from = NIL;
    for (const Condition *condition : joins.conditions)
        quals = call([&] { return lappend(quals, copyObjectImpl(condition->clause)); });
    ::Node *value = call([&] { return static_cast<::Node *>(copyObjectImpl(column.var)); });
    for (const Reference &reference : shape.references) {
        if (!joins.references.contains(reference.number))
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
        query->targetList = list_make1(target);
        query->jointree =
            makeFromExpr(from, quals == NIL ? nullptr : reinterpret_cast<::Node *>(make_ands_explicit(quals)));
        query->groupClause = query->windowClause = query->sortClause = query->distinctClause = NIL;
        query->havingQual = query->limitCount = nullptr;
        clear_group_entry(query);
        query->hasAggs = query->hasWindowFuncs = query->hasDistinctOn = false;
    });
    return query;
}

} // namespace

Query *query_for_values(const Shape &shape, const Column &column, const Pending &pending, const Reference &changed)
{
    Query *query = joined_values(shape, column, pending, changed);
    if (query == nullptr)
        return nullptr;
    call([&] {
        SortGroupClause *distinct = makeNode(SortGroupClause);
        distinct->tleSortGroupRef = linitial_node(TargetEntry, query->targetList)->ressortgroupref = 1;
        get_sort_group_operators(column.var->vartype, false, true, false, &distinct->sortop, &distinct->eqop, nullptr,
                                 &distinct->hashable);
        query->distinctClause = list_make1(distinct);
        query->limitCount = reinterpret_cast<::Node *>(
            makeConst(INT8OID, -1, InvalidOid, sizeof(int64), Int64GetDatum(most_touched_values + 1), false, true));
    });
    return query;
}

Query *query_of_joins(const Shape &shape, const Column &column, const Reference &changed)
{
    return joined_values(shape, column, {}, changed);
}

} // namespace pgtrickle
