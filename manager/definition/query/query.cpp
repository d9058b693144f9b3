#include "definition/query/query.hpp"

#include "definition/query/grouping_by_key.hpp"
#include "definition/query/limited_subqueries.hpp"
#include "definition/query/sorted_subqueries.hpp"
#include "pg/limit.hpp"

extern "C" {
#include "catalog/pg_proc.h"
#include "mb/pg_wchar.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "tcop/tcopprot.h"
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

} // namespace pgtrickle::definition
