#include "definition/query/altered_columns.hpp"

extern "C" {
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
}

namespace pgtrickle::definition {

namespace {

int position_of(const char *name, const WantedColumn *declared, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(declared[i].name, name) == 0)
            return i + 1;
    return 0;
}

/* A name that no column has is no sign of another order: an expression is called after its function. */
void check_place(const TargetEntry *target, const WantedColumn *declared, int count)
{
    const int place = position_of(target->resname, declared, count);
    if (place == 0 || place == target->resno)
        return;
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_TABLE_DEFINITION),
             errmsg("column %d of the new query is \"%s\", which is column %d of the stream table", target->resno,
                    target->resname, place),
             errdetail("The columns of a stream table keep their order."),
             target->resno > count
                 ? errhint("Put new columns after those of the stream table.")
                 : errhint("Write the columns in the order of the stream table; if the value is meant for column "
                           "\"%s\", add AS %s.",
                           declared[target->resno - 1].name, quote_identifier(declared[target->resno - 1].name))));
}

struct ValueType {
    Oid type;
    int32 typmod;
};

ValueType type_of(Expr *value)
{
    return {exprType(reinterpret_cast<::Node *>(value)), exprTypmod(reinterpret_cast<::Node *>(value))};
}

ValueType type_before_cast(const Query *query, AttrNumber number)
{
    ListCell *cell;
    foreach (cell, query->targetList)
        if (auto *target = lfirst_node(TargetEntry, cell); target->resno == number)
            return type_of(without_cast(target->expr));
    return {InvalidOid, -1};
}

bool fits(const ValueType &type, const WantedColumn *declared)
{
    return type.type == declared->type && (declared->typmod == -1 || declared->typmod == type.typmod);
}

/* A column that was declared with another type than its query returned keeps it as long as the query returns that
 * type, of whatever precision. */
bool is_retyped(const TargetEntry *target, const Query *present, const WantedColumn *declared)
{
    const ValueType next = type_of(target->expr), before = type_before_cast(present, target->resno);
    if (fits(next, declared))
        return false;
    return fits(before, declared) || (next.type != before.type && next.type != declared->type);
}

} // namespace

ColumnChanges altered_columns(Query *next, const Query *present, WantedColumn *declared, int count)
{
    ListCell *cell;
    foreach (cell, next->targetList)
        if (!lfirst_node(TargetEntry, cell)->resjunk)
            check_place(lfirst_node(TargetEntry, cell), declared, count);
    List *columns = column_definitions(next);
    ColumnChanges changes;
    changes.appended = list_copy_tail(columns, count);
    foreach (cell, next->targetList) {
        const auto *target = lfirst_node(TargetEntry, cell);
        if (target->resjunk || target->resno > count)
            continue;
        WantedColumn *column = &declared[target->resno - 1];
        if (!is_retyped(target, present, column))
            continue;
        auto *definition = list_nth_node(ColumnDef, columns, target->resno - 1);
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
                        errdetail("Names that start with \"pgt_\" are reserved for hidden columns.")));
}

} // namespace pgtrickle::definition
