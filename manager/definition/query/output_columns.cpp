#include "definition/query/output_columns.hpp"

extern "C" {
#include "mb/pg_wchar.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/tlist.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_node.h"
#include "parser/parse_relation.h"
#include "parser/parse_type.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
}

#include <cstring>

namespace pgtrickle::definition {

List *column_definitions(Query *query)
{
    List *definitions = NIL;
    ListCell *cell;
    foreach (cell, query->targetList) {
        auto *target = static_cast<TargetEntry *>(lfirst(cell));
        if (target->resjunk)
            continue;
        auto *expression = reinterpret_cast<::Node *>(target->expr);
        Oid type = exprType(expression), collation = exprCollation(expression);
        if (type_is_collatable(type) && !OidIsValid(collation))
            ereport(ERROR, (errcode(ERRCODE_INDETERMINATE_COLLATION),
                            errmsg("could not determine which collation to use for column \"%s\"", target->resname),
                            errhint("Use the COLLATE clause to set the collation explicitly.")));
        definitions = lappend(definitions, makeColumnDef(target->resname, type, exprTypmod(expression), collation));
    }
    return definitions;
}

namespace {

/* Returns SELECT every output column FROM (query): a cast must not change what DISTINCT, UNION or ORDER BY
 * within the query mean. */
Query *wrap(Query *query)
{
    ParseState *state = make_parsestate(nullptr);
    ParseNamespaceItem *item = addRangeTableEntryForSubquery(state, query, makeAlias("query", NIL), false, true);
    addNSItemToQuery(state, item, true, false, false);
    Query *outer = makeNode(Query);
    outer->commandType = CMD_SELECT;
    outer->canSetTag = true;
    ListCell *cell;
    foreach (cell, query->targetList) {
        auto *target = static_cast<TargetEntry *>(lfirst(cell));
        if (target->resjunk)
            continue;
        Var *column = makeVarFromTargetEntry(item->p_rtindex, target);
        outer->targetList = lappend(outer->targetList, makeTargetEntry(reinterpret_cast<Expr *>(column), target->resno,
                                                                       pstrdup(target->resname), false));
    }
    outer->rtable = state->p_rtable;
    outer->jointree = makeFromExpr(state->p_joinlist, nullptr);
    free_parsestate(state);
    return outer;
}

void report_misfit(const char *statement, int location, int sqlstate, const char *message, const char *hint)
{
    ereport(ERROR,
            (errcode(sqlstate), errmsg_internal("%s", message), errhint("%s", hint),
             statement == nullptr || location < 0 ? 0 : errposition(pg_mbstrlen_with_len(statement, location) + 1)));
}

int output_count(Query *query)
{
    int count = 0;
    ListCell *cell;
    foreach (cell, query->targetList)
        count += !static_cast<TargetEntry *>(lfirst(cell))->resjunk;
    return count;
}

constexpr const char *dropped_prefix = "pgt_dropped_";

/* Gives the outputs the numbers of the columns that are not dropped, and each of these a NULL. The targets of a query
 * that is not wrapped serve no set operation or DISTINCT. */
void leave_out_dropped(Query *query, const WantedColumn *wanted, int count)
{
    List *targets = NIL;
    int output = 0;
    for (int i = 0; i < count; i++) {
        TargetEntry *target =
            wanted[i].is_dropped
                ? makeTargetEntry(reinterpret_cast<Expr *>(makeNullConst(INT4OID, -1, InvalidOid)), 0, nullptr, false)
                : list_nth_node(TargetEntry, query->targetList, output++);
        target->resno = static_cast<AttrNumber>(i + 1);
        targets = lappend(targets, target);
    }
    for (; output < list_length(query->targetList); output++) {
        auto *target = list_nth_node(TargetEntry, query->targetList, output);
        target->resno = static_cast<AttrNumber>(list_length(targets) + 1);
        targets = lappend(targets, target);
    }
    query->targetList = targets;
}

/* Returns the columns that are not dropped. */
WantedColumn *live_columns(const WantedColumn *wanted, int count, int *live_count)
{
    auto *live = static_cast<WantedColumn *>(palloc(sizeof(WantedColumn) * (count + 1)));
    *live_count = 0;
    for (int i = 0; i < count; i++)
        if (!wanted[i].is_dropped)
            live[(*live_count)++] = wanted[i];
    return live;
}

void check_count(int found, WantedColumn *wanted, int count, const char *statement)
{
    if (found == count)
        return;
    report_misfit(
        statement, count > found && count > 0 ? wanted[found].location : -1, ERRCODE_INVALID_TABLE_DEFINITION,
        psprintf("the number of declared columns (%d) differs from that of the defining query (%d)", count, found),
        statement != nullptr
            ? "Declare one column for each output column of the query, or none at all to take them from the query."
            : "Have the query return these columns.");
}

void check_names(const ParsedQuery &parsed, WantedColumn *wanted, int count, const char *statement)
{
    if (list_length(parsed.aliases) != count)
        return;
    for (int i = 0; i < count; i++) {
        auto *alias = static_cast<String *>(list_nth(parsed.aliases, i));
        if (alias != nullptr && strcmp(strVal(alias), wanted[i].name) != 0)
            report_other_name(i + 1, wanted[i], strVal(alias), statement);
    }
}

bool has_fitting_collation(::Node *expression, const WantedColumn *wanted)
{
    return !OidIsValid(wanted->collation) || exprCollation(expression) == wanted->collation;
}

bool fits(TargetEntry *target, const WantedColumn *wanted)
{
    auto *expression = reinterpret_cast<::Node *>(target->expr);
    return exprType(expression) == wanted->type && (wanted->typmod == -1 || exprTypmod(expression) == wanted->typmod) &&
           has_fitting_collation(expression, wanted);
}

Expr *cast_to(TargetEntry *target, const WantedColumn *wanted, const char *statement)
{
    auto *expression = reinterpret_cast<::Node *>(target->expr);
    Oid type = exprType(expression);
    ::Node *cast = coerce_to_target_type(nullptr, expression, type, wanted->type, wanted->typmod, COERCION_ASSIGNMENT,
                                         COERCE_IMPLICIT_CAST, -1);
    if (cast == nullptr)
        report_misfit(statement, wanted->location, ERRCODE_DATATYPE_MISMATCH,
                      psprintf("column \"%s\" is of type %s, but the defining query returns type %s", wanted->name,
                               format_type_with_typemod(wanted->type, wanted->typmod), format_type_be(type)),
                      statement != nullptr
                          ? "Declare the type that the query returns, or cast the expression in the query."
                          : "Cast the expression in the query.");
    assign_expr_collations(nullptr, cast);
    if (!has_fitting_collation(cast, wanted)) {
        CollateExpr *collate = makeNode(CollateExpr);
        collate->arg = reinterpret_cast<Expr *>(cast);
        collate->collOid = wanted->collation;
        collate->location = -1;
        cast = reinterpret_cast<::Node *>(collate);
    }
    return reinterpret_cast<Expr *>(cast);
}

void set_collation(TargetEntry *target, WantedColumn *wanted)
{
    auto *expression = reinterpret_cast<::Node *>(target->expr);
    wanted->collation = exprCollation(expression);
    if (type_is_collatable(wanted->type) && !OidIsValid(wanted->collation))
        ereport(ERROR, (errcode(ERRCODE_INDETERMINATE_COLLATION),
                        errmsg("could not determine which collation to use for column \"%s\"", wanted->name),
                        errhint("Use the COLLATE clause to set the collation explicitly.")));
}

} // namespace

void report_other_name(int number, const WantedColumn &column, const char *name, const char *statement)
{
    report_misfit(
        statement, column.location, ERRCODE_INVALID_TABLE_DEFINITION,
        psprintf("column %d is declared as \"%s\", but the defining query calls it \"%s\"", number, column.name, name),
        statement != nullptr ? "Use the same name for both."
                             : "Use the same name for both, after ALTER FOREIGN TABLE ... RENAME COLUMN; or "
                               "drop the column by one query, and append the other one by the next.");
}

Expr *converted(Expr *expression)
{
    switch (nodeTag(expression)) {
    case T_FuncExpr: {
        auto *call = reinterpret_cast<FuncExpr *>(expression);
        return call->funcformat == COERCE_IMPLICIT_CAST ? static_cast<Expr *>(linitial(call->args)) : nullptr;
    }
    case T_RelabelType: {
        auto *cast = reinterpret_cast<RelabelType *>(expression);
        return cast->relabelformat == COERCE_IMPLICIT_CAST ? cast->arg : nullptr;
    }
    case T_CoerceViaIO: {
        auto *cast = reinterpret_cast<CoerceViaIO *>(expression);
        return cast->coerceformat == COERCE_IMPLICIT_CAST ? cast->arg : nullptr;
    }
    case T_ArrayCoerceExpr: {
        auto *cast = reinterpret_cast<ArrayCoerceExpr *>(expression);
        return cast->coerceformat == COERCE_IMPLICIT_CAST ? cast->arg : nullptr;
    }
    case T_CoerceToDomain: {
        auto *cast = reinterpret_cast<CoerceToDomain *>(expression);
        return cast->coercionformat == COERCE_IMPLICIT_CAST ? cast->arg : nullptr;
    }
    default: return nullptr;
    }
}

Expr *without_cast(Expr *expression)
{
    while (Expr *argument = converted(expression))
        expression = argument;
    if (!IsA(expression, CollateExpr))
        return expression;
    auto *declared = reinterpret_cast<CollateExpr *>(expression);
    Expr *value = without_cast(declared->arg);
    if (value == declared->arg)
        return expression;
    if (!type_is_collatable(exprType(reinterpret_cast<::Node *>(value))))
        return value;
    auto *collate = static_cast<CollateExpr *>(copyObjectImpl(declared));
    collate->arg = value;
    return reinterpret_cast<Expr *>(collate);
}

void remove_casts(Query *query)
{
    ListCell *cell;
    foreach (cell, query->targetList)
        if (auto *target = lfirst_node(TargetEntry, cell); !target->resjunk)
            target->expr = without_cast(target->expr);
}

WantedColumn dropped_column(AttrNumber number)
{
    return {psprintf("%s%d", dropped_prefix, number), INT4OID, -1, InvalidOid, -1, true};
}

bool is_dropped_column(const char *name)
{
    return strncmp(name, dropped_prefix, strlen(dropped_prefix)) == 0;
}

void remove_dropped_columns(Query *query)
{
    List *targets = NIL;
    ListCell *cell;
    foreach (cell, query->targetList) {
        auto *target = lfirst_node(TargetEntry, cell);
        if (!target->resjunk && is_dropped_column(target->resname)) {
            Assert(query->setOperations == nullptr);
            continue;
        }
        target->resno = static_cast<AttrNumber>(list_length(targets) + 1);
        targets = lappend(targets, target);
    }
    query->targetList = targets;
}

Query *fit_columns(const ParsedQuery &parsed, WantedColumn *wanted, int count, const char *statement)
{
    Query *query = parsed.query;
    int live_count;
    WantedColumn *live = live_columns(wanted, count, &live_count);
    const bool has_dropped = live_count < count;
    check_count(output_count(query), live, live_count, statement);
    check_names(parsed, live, live_count, statement);
    bool must_wrap = has_dropped && (query->setOperations != nullptr || query->distinctClause != NIL);
    remove_casts(query); /* which may have lost information that the wanted types can hold */
    ListCell *cell;
    foreach (cell, query->targetList) {
        auto *target = static_cast<TargetEntry *>(lfirst(cell));
        if (target->resjunk)
            continue;
        if (!fits(target, &live[target->resno - 1]))
            must_wrap |= query->setOperations != nullptr || target->ressortgroupref != 0;
    }
    if (must_wrap)
        query = wrap(query);
    if (has_dropped)
        leave_out_dropped(query, wanted, count);
    foreach (cell, query->targetList) {
        auto *target = static_cast<TargetEntry *>(lfirst(cell));
        if (target->resjunk)
            continue;
        WantedColumn *column = &wanted[target->resno - 1];
        if (!fits(target, column))
            target->expr = cast_to(target, column, statement);
        set_collation(target, column);
        target->resname = pstrdup(column->name);
    }
    return query;
}

void name_first_branch(Query *query)
{
    ::Node *branch = query->setOperations;
    while (branch != nullptr && IsA(branch, SetOperationStmt))
        branch = castNode(SetOperationStmt, branch)->larg;
    if (branch == nullptr)
        return;
    Query *first = rt_fetch(castNode(RangeTblRef, branch)->rtindex, query->rtable)->subquery;
    ListCell *own, *of_whole;
    forboth(own, first->targetList, of_whole, query->targetList)
    {
        auto *target = lfirst_node(TargetEntry, own);
        if (!target->resjunk)
            target->resname = lfirst_node(TargetEntry, of_whole)->resname;
    }
    name_first_branch(first);
}

} // namespace pgtrickle::definition
