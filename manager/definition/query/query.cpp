#include "definition/query/query.hpp"

#include "definition/query/grouping_by_key.hpp"
#include "definition/query/limited_subqueries.hpp"
#include "definition/query/sorted_subqueries.hpp"
#include "pg/limit.hpp"

extern "C" {
#include "catalog/pg_proc.h"
#include "commands/defrem.h"
#include "mb/pg_wchar.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/tlist.h"
#include "parser/analyze.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_node.h"
#include "parser/parse_relation.h"
#include "parser/parse_type.h"
#include "parser/parsetree.h"
#include "tcop/tcopprot.h"
#include "utils/lsyscache.h"
}

#include <cstring>

namespace pgtrickle::definition {

namespace {

extern "C" void transpose_position(void *text)
{
    function_parse_error_transpose(static_cast<const char *>(text));
}

[[noreturn]] void refuse_statement(const char *text, const char *detail, int location)
{
    ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR),
                    errmsg("query parse error: the defining query must be one SELECT statement"),
                    errdetail_internal("%s", detail),
                    location < 0 ? 0 : errposition(pg_mbstrlen_with_len(text, location) + 1)));
}

/* Returns the position at which a statement of `text` begins. Before PostgreSQL 17, stmt_location is the
 * position of the white space before it. */
int start_of(const char *text, const RawStmt *statement)
{
    const int location = statement->stmt_location;
    return location < 0 ? location : location + static_cast<int>(strspn(text + location, " \t\n\r\f\v"));
}

RawStmt *parse_one_select(const char *text)
{
    List *statements = pg_parse_query(text);
    if (statements == NIL)
        refuse_statement(text, "It contains no statement.", -1);
    if (list_length(statements) > 1)
        refuse_statement(text, "It contains more than one statement.",
                         start_of(text, lsecond_node(RawStmt, statements)));
    auto *statement = static_cast<RawStmt *>(linitial(statements));
    if (!IsA(statement->stmt, SelectStmt))
        refuse_statement(text, "It is another kind of statement.", start_of(text, statement));
    auto *select = reinterpret_cast<SelectStmt *>(statement->stmt);
    while (select->op != SETOP_NONE)
        select = select->larg;
    if (select->intoClause != nullptr)
        refuse_statement(text, "SELECT INTO creates a table.", start_of(text, statement));
    return statement;
}

/* Returns the names given by AS, one for each output column. A star stands for any number of columns; NIL is
 * returned then, because the text does not show which name belongs to which column. */
List *aliases_of(SelectStmt *select)
{
    while (select->op != SETOP_NONE)
        select = select->larg;
    List *aliases = NIL;
    ListCell *cell;
    foreach (cell, select->targetList) {
        auto *target = static_cast<ResTarget *>(lfirst(cell));
        if (IsA(target->val, ColumnRef) && IsA(llast(reinterpret_cast<ColumnRef *>(target->val)->fields), A_Star))
            return NIL;
        if (IsA(target->val, A_Indirection) &&
            IsA(llast(reinterpret_cast<A_Indirection *>(target->val)->indirection), A_Star))
            return NIL;
        aliases = lappend(aliases, target->name != nullptr ? makeString(target->name) : nullptr);
    }
    return aliases;
}

bool is_sorted_by(List *clauses, Index reference)
{
    ListCell *cell;
    foreach (cell, clauses)
        if (static_cast<SortGroupClause *>(lfirst(cell))->tleSortGroupRef == reference)
            return true;
    return false;
}

bool is_referenced(Query *query, Index reference)
{
    if (is_sorted_by(query->groupClause, reference) || is_sorted_by(query->distinctClause, reference))
        return true;
    ListCell *cell;
    foreach (cell, query->windowClause) {
        auto *window = static_cast<WindowClause *>(lfirst(cell));
        if (is_sorted_by(window->partitionClause, reference) || is_sorted_by(window->orderClause, reference))
            return true;
    }
    return false;
}

/* Returns true for `ORDER BY generate_series(1, n)`: a target that is not part of the output, but multiplies
 * rows. */
bool is_sorted_by_sets(const Query *query)
{
    ListCell *cell;
    foreach (cell, query->targetList) {
        const auto *target = static_cast<TargetEntry *>(lfirst(cell));
        if (target->resjunk && expression_returns_set(reinterpret_cast<Node *>(target->expr)))
            return true;
    }
    return false;
}

/* ORDER BY without LIMIT does not affect the contents of a table. */
void drop_useless_order(Query *query)
{
    if (query->sortClause == NIL || !leaves_all_rows(query) || query->hasDistinctOn || is_sorted_by_sets(query))
        return;
    ereport(WARNING, (errmsg("ORDER BY without LIMIT is ignored in a defining query"),
                      errhint("Specify ORDER BY in the queries that read the stream table.")));
    query->sortClause = NIL;
    List *kept = NIL;
    ListCell *cell;
    foreach (cell, query->targetList) {
        auto *target = static_cast<TargetEntry *>(lfirst(cell));
        if (target->resjunk && !is_referenced(query, target->ressortgroupref))
            continue;
        kept = lappend(kept, target);
        target->resno = list_length(kept);
    }
    query->targetList = kept;
}

ParsedQuery parse_and_analyze(const char *text)
{
    ErrorContextCallback callback = {error_context_stack, transpose_position, const_cast<char *>(text)};
    error_context_stack = &callback;
    RawStmt *statement = parse_one_select(text);
    List *aliases = aliases_of(reinterpret_cast<SelectStmt *>(statement->stmt));
    Query *query = parse_analyze_fixedparams(statement, text, nullptr, 0, nullptr);
    if (query->commandType != CMD_SELECT || query->utilityStmt != nullptr || query->hasModifyingCTE)
        refuse_statement(text, "It changes data.", -1);
    choose_rows_by_subqueries(query, text);
    order_limited_subqueries(query, text);
    write_order_of_subqueries(query, text);
    error_context_stack = callback.previous;
    drop_useless_order(query);
    widen_grouping(query);
    return {query, aliases};
}

} // namespace

TransposedPositions::TransposedPositions(const std::string &text)
    : callback_{error_context_stack, transpose_position, const_cast<char *>(text.c_str())}
{
    error_context_stack = &callback_;
}

ParsedQuery parse_query(const std::string &text)
{
    static const char prefix[] = "query parse error: ";
    try {
        return call([&] { return parse_and_analyze(text.c_str()); });
    } catch (const PgError &error) {
        if (error.data->sqlerrcode == ERRCODE_SYNTAX_ERROR && strncmp(error.data->message, prefix, strlen(prefix)) != 0)
            error.data->message = call([&] {
                MemoryContextSwitchTo(error.data->assoc_context);
                return psprintf("%s%s", prefix, error.data->message);
            });
        throw;
    }
}

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
            report_misfit(statement, wanted[i].location, ERRCODE_INVALID_TABLE_DEFINITION,
                          psprintf("column %d is declared as \"%s\", but the defining query calls it \"%s\"", i + 1,
                                   wanted[i].name, strVal(alias)),
                          statement != nullptr ? "Use the same name for both."
                                               : "Use the same name for both, after ALTER FOREIGN TABLE ... RENAME "
                                                 "COLUMN; or drop the column by one query, and append the other one "
                                                 "by the next.");
    }
}

bool has_fitting_collation(::Node *expression, const WantedColumn *wanted)
{
    return !OidIsValid(wanted->collation) || exprCollation(expression) == wanted->collation;
}

/* Returns the argument of an implicit conversion, or null for any other expression. */
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
