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

Oid type_of(const TargetEntry *target)
{
    return exprType(reinterpret_cast<::Node *>(target->expr));
}

Oid type_before_cast(const Query *query, AttrNumber number)
{
    ListCell *cell;
    foreach (cell, query->targetList) {
        auto *target = lfirst_node(TargetEntry, cell);
        if (target->resno == number)
            return exprType(reinterpret_cast<::Node *>(without_cast(target->expr)));
    }
    return InvalidOid;
}

void check_type(const TargetEntry *target, const Query *present, const WantedColumn *declared)
{
    const Oid type = type_of(target);
    if (type == declared->type || type == type_before_cast(present, target->resno))
        return;
    ereport(ERROR, (errcode(ERRCODE_INVALID_TABLE_DEFINITION),
                    errmsg("cannot change the type of column \"%s\" from %s to %s by another query", declared->name,
                           format_type_with_typemod(declared->type, declared->typmod), format_type_be(type)),
                    errhint("Cast the expression in the query to %s, or use ALTER COLUMN TYPE first.",
                            format_type_with_typemod(declared->type, declared->typmod))));
}

} // namespace

void check_altered_columns(const Query *next, const Query *present, const WantedColumn *declared, int count)
{
    ListCell *cell;
    foreach (cell, next->targetList) {
        auto *target = lfirst_node(TargetEntry, cell);
        if (target->resjunk)
            continue;
        check_place(target, declared, count);
        if (target->resno <= count)
            check_type(target, present, &declared[target->resno - 1]);
    }
}

void check_column_name(const char *name)
{
    if (strncmp(name, "pgt_", 4) == 0)
        ereport(ERROR, (errcode(ERRCODE_RESERVED_NAME), errmsg("column name \"%s\" is reserved", name),
                        errdetail("Names that start with \"pgt_\" are reserved for hidden columns.")));
}

} // namespace pgtrickle::definition
