#include "definition/query/altered_columns.hpp"

extern "C" {
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
}

#include <algorithm>

namespace pgtrickle::definition {

namespace {

/* The declared columns that are not dropped, by position: pointers into `declared`. */
struct Live {
    WantedColumn **columns;
    int count;
};

Live live_of(WantedColumn *declared, int count)
{
    Live live = {static_cast<WantedColumn **>(palloc(sizeof(WantedColumn *) * (count + 1))), 0};
    for (int i = 0; i < count; i++)
        if (!declared[i].is_dropped)
            live.columns[live.count++] = &declared[i];
    return live;
}

/* Returns 0 if no column has the name. */
int position_of(const char *name, const Live &live)
{
    for (int i = 0; i < live.count; i++)
        if (strcmp(live.columns[i]->name, name) == 0)
            return i + 1;
    return 0;
}

/* Returns the outputs, without junk. */
List *outputs_of(const Query *query)
{
    List *outputs = NIL;
    ListCell *cell;
    foreach (cell, query->targetList)
        if (!lfirst_node(TargetEntry, cell)->resjunk)
            outputs = lappend(outputs, lfirst(cell));
    return outputs;
}

/* Whether the name of an output is one that the query gives it, and not one that PostgreSQL derives from an expression.
 */
bool is_named(const ParsedQuery &query, const TargetEntry *target)
{
    return IsA(target->expr, Var) ||
           (target->resno <= list_length(query.aliases) && list_nth(query.aliases, target->resno - 1) != nullptr);
}

/* Whether the outputs are some of the columns, in their order, and then perhaps others with names of their own, so that
 * those that are not named are dropped. Where all of the named ones are in their places, the other outputs take the
 * places that follow. */
bool is_dropping(const ParsedQuery &query, List *outputs, const Live &live)
{
    int last = 0, named = 0;
    bool is_moved = false;
    ListCell *cell;
    foreach (cell, outputs) {
        const auto *target = lfirst_node(TargetEntry, cell);
        const int place = position_of(target->resname, live);
        if (place == 0 && !is_named(query, target))
            return false;
        if (place == 0)
            continue;
        if (place <= last || named < target->resno - 1)
            return false;
        named++;
        is_moved |= place != target->resno;
        last = place;
    }
    return named > 0 && (is_moved || (named == list_length(outputs) && named < live.count));
}

/* Marks the columns that no output has the name of. */
List *drop_unnamed(List *outputs, const Live &live, const WantedColumn *declared)
{
    List *dropped = NIL;
    for (int i = 0; i < live.count; i++) {
        bool is_named = false;
        ListCell *cell;
        foreach (cell, outputs)
            is_named |= strcmp(lfirst_node(TargetEntry, cell)->resname, live.columns[i]->name) == 0;
        if (is_named)
            continue;
        dropped = lappend(dropped, makeString(pstrdup(live.columns[i]->name)));
        *live.columns[i] = dropped_column(static_cast<AttrNumber>(live.columns[i] - declared + 1));
    }
    return dropped;
}

/* A name that no column has is no sign of another order: an expression is called after its function. */
void check_place(const TargetEntry *target, const Live &live)
{
    const int place = position_of(target->resname, live);
    if (place == 0 || place == target->resno)
        return;
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_TABLE_DEFINITION),
             errmsg("column %d of the new query is \"%s\", which is column %d of the stream table", target->resno,
                    target->resname, place),
             errdetail("The columns of a stream table keep their order."),
             target->resno > live.count
                 ? errhint("Put new columns after those of the stream table.")
                 : errhint("Write the columns in the order of the stream table; if the value is meant for column "
                           "\"%s\", add AS %s.",
                           live.columns[target->resno - 1]->name,
                           quote_identifier(live.columns[target->resno - 1]->name))));
}

/* Returns the name of the column of a table, or of several that a join merges, that is the value; null for any other
 * value, whose name PostgreSQL derives. */
const char *name_of_value(const Query *query, const Expr *value)
{
    if (value == nullptr || !IsA(value, Var))
        return nullptr;
    const auto *column = reinterpret_cast<const Var *>(value);
    auto *entry = list_nth_node(RangeTblEntry, query->rtable, static_cast<int>(column->varno) - 1);
    const bool is_of_table = entry->rtekind == RTE_RELATION || entry->rtekind == RTE_JOIN;
    return is_of_table ? get_rte_attribute_name(entry, column->varattno) : nullptr;
}

/* Returns null if there is none. */
Expr *value_before_cast(const Query *query, AttrNumber number)
{
    ListCell *cell;
    foreach (cell, query->targetList)
        if (auto *target = lfirst_node(TargetEntry, cell); target->resno == number)
            return without_cast(target->expr);
    return nullptr;
}

/* Where the present query shows a column of a table under its name, another column of a table would take its place,
 * with its grants and comments. What else the present query returns may have been matched by position at creation. */
void check_kept_names(const Query *next, List *outputs, const Query *present, const Live &live,
                      const WantedColumn *declared)
{
    for (int i = 0; i < live.count; i++) {
        const WantedColumn *column = live.columns[i];
        const auto number = static_cast<AttrNumber>(column - declared + 1);
        const char *present_name = name_of_value(present, value_before_cast(present, number));
        const auto *target = list_nth_node(TargetEntry, outputs, i);
        if (present_name != nullptr && strcmp(present_name, column->name) == 0 &&
            name_of_value(next, target->expr) != nullptr && strcmp(target->resname, column->name) != 0)
            report_other_name(i + 1, *column, target->resname, nullptr);
    }
}

void check_places(List *outputs, const Live &live)
{
    ListCell *cell;
    foreach (cell, outputs)
        check_place(lfirst_node(TargetEntry, cell), live);
    if (list_length(outputs) < live.count)
        ereport(ERROR, (errcode(ERRCODE_INVALID_TABLE_DEFINITION),
                        errmsg("the number of declared columns (%d) differs from that of the defining query (%d)",
                               live.count, list_length(outputs)),
                        errhint("To remove columns, have the query return the others under their names.")));
}

struct ValueType {
    Oid type;
    int32 typmod;
    Oid collation;
    bool operator==(const ValueType &) const = default;
};

ValueType type_of(Expr *value)
{
    auto *node = reinterpret_cast<::Node *>(value);
    return {exprType(node), exprTypmod(node), exprCollation(node)};
}

ValueType type_before_cast(const Query *query, AttrNumber number)
{
    Expr *value = value_before_cast(query, number);
    return value != nullptr ? type_of(value) : ValueType{InvalidOid, -1, InvalidOid};
}

/* Whether both queries read the same relations in the same places, and nothing else: a Var of a join or of another
 * entry says by its number only which column it is. */
bool has_same_relations(const Query *one, const Query *other)
{
    bool answer = list_length(one->rtable) == list_length(other->rtable);
    for (int i = 0; answer && i < list_length(one->rtable); i++) {
        const auto *a = list_nth_node(RangeTblEntry, one->rtable, i),
                   *b = list_nth_node(RangeTblEntry, other->rtable, i);
        answer = a->rtekind == b->rtekind &&
                 (a->rtekind == RTE_RELATION ? a->relid == b->relid
                                             : a->rtekind == RTE_JOIN && equal(a->joinaliasvars, b->joinaliasvars));
    }
    return answer;
}

/* Whether the outputs are those of the present query, of whatever name: names are matched by position at creation, and
 * the text that was accepted then may be given again. */
bool are_present_values(const Query *next, const Query *present, const Live &live, const WantedColumn *declared)
{
    List *outputs = outputs_of(next);
    bool answer = list_length(outputs) == live.count && has_same_relations(next, present);
    for (int i = 0; answer && i < live.count; i++) {
        const auto number = static_cast<AttrNumber>(live.columns[i] - declared + 1);
        answer = equal(list_nth_node(TargetEntry, outputs, i)->expr, value_before_cast(present, number));
    }
    return answer;
}

/* A column that was declared with another type than its query returned keeps it as long as the query returns that
 * type, of whatever precision. `number` is that of the column. */
bool is_retyped(const TargetEntry *target, const Query *present, const WantedColumn *column, AttrNumber number)
{
    const ValueType next = type_of(target->expr), before = type_before_cast(present, number),
                    declared = {column->type, column->typmod, column->collation};
    if (next == declared)
        return false;
    return before == declared || (next.type != before.type && next.type != declared.type);
}

} // namespace

ColumnChanges altered_columns(const ParsedQuery &next, const Query *present, WantedColumn *declared, int count)
{
    ColumnChanges changes;
    List *outputs = outputs_of(next.query);
    Live live = live_of(declared, count);
    if (!are_present_values(next.query, present, live, declared)) {
        if (is_dropping(next, outputs, live)) {
            changes.dropped = drop_unnamed(outputs, live, declared);
            live = live_of(declared, count);
        }
        check_places(outputs, live);
        check_kept_names(next.query, outputs, present, live, declared);
    }
    List *columns = column_definitions(next.query);
    changes.appended = list_copy_tail(columns, live.count);
    for (int i = 0; i < live.count; i++) {
        WantedColumn *column = live.columns[i];
        if (!is_retyped(list_nth_node(TargetEntry, outputs, i), present, column,
                        static_cast<AttrNumber>(column - declared + 1)))
            continue;
        auto *definition = list_nth_node(ColumnDef, columns, i);
        definition->colname = pstrdup(column->name);
        changes.retyped = lappend(changes.retyped, definition);
        *column = {column->name, definition->typeName->typeOid, definition->typeName->typemod, definition->collOid, -1};
    }
    return changes;
}

void check_column_name(const char *name)
{
    if (strncmp(name, "pgt_", 4) == 0)
        ereport(ERROR, (errcode(ERRCODE_RESERVED_NAME), errmsg("column name \"%s\" is reserved", name),
                        errdetail("Names that start with \"pgt_\" are reserved for hidden columns."),
                        errhint("Use another name, in the query by AS.")));
}

} // namespace pgtrickle::definition
