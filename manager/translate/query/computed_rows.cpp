/*
 * FROM items that read no relation: VALUES, functions, XMLTABLE. Their rows are constants, or computed from
 * other FROM items, to which they are then lateral. A subquery in them is evaluated for the rows of these
 * items.
 */
#include "pg/versions/parser.hpp"
#include "translate/subquery/sublink.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "nodes/makefuncs.h"
#include "parser/parse_relation.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle::translate {

namespace {

/* Returns the row type of a function today; nullptr: it has none that can get columns. PostgreSQL frame. */
TupleDesc row_type_of(const RangeTblFunction *function)
{
    TupleDesc columns = nullptr;
    const TypeFuncClass kind = get_expr_result_type(function->funcexpr, nullptr, &columns);
    return kind == TYPEFUNC_COMPOSITE || kind == TYPEFUNC_COMPOSITE_DOMAIN ? columns : nullptr;
}

/* Adds the present columns of a FROM item; scope[i] is the Var of column i. */
void add_columns(int number, const RangeTblEntry *entry, std::vector<engine::Column> &columns, Scope &scope)
{
    List *names = NIL;
    List *vars = NIL;
    call([&] { present_columns(number, entry, &names, &vars); });
    for (int i = 0; i < list_length(vars); i++) {
        auto *node = static_cast<Node *>(list_nth(vars, i));
        if (!IsA(node, Var))
            continue;
        scope.push_back(castNode(Var, node)->varno == 0 ? nullptr : node);
        columns.push_back(column_of(value_type(node), strVal(list_nth(names, i))));
    }
}

using Pieces = std::vector<std::variant<std::string, int>>;

void append(Pieces &pieces, const engine::Expression &expression)
{
    pieces.insert(pieces.end(), expression.pieces.begin(), expression.pieces.end());
}

/* FROM accepts calls only; any other expression, such as a cast, is written as COALESCE of itself. CAST would be
 * accepted, too, but PostgreSQL could take the name of the column from its type, whose name is resolved by then. */
bool is_written_as_call(Node *node)
{
    if (IsA(node, FuncExpr))
        return castNode(FuncExpr, node)->funcformat == COERCE_EXPLICIT_CALL ||
               castNode(FuncExpr, node)->funcformat == COERCE_SQL_SYNTAX;
    return IsA(node, CoalesceExpr) || IsA(node, MinMaxExpr) || IsA(node, NullIfExpr) || IsA(node, XmlExpr);
}

/* Returns `c1 type COLLATE …`, for a function that returns records. */
std::string column_definitions(const RangeTblFunction *function)
{
    std::string text;
    for (int i = 0; i < list_length(function->funccolnames); i++) {
        const char *name = call([&] { return quote_identifier(strVal(list_nth(function->funccolnames, i))); });
        const engine::Column column =
            column_of({list_nth_oid(function->funccoltypes, i), list_nth_int(function->funccoltypmods, i),
                       list_nth_oid(function->funccolcollations, i)});
        text += (i > 0 ? ", " : "") + std::string(name) + " " + column.type;
        if (!column.collation.empty())
            text += " COLLATE " + column.collation;
    }
    return text;
}

void append_function(Pieces &pieces, const RangeTblFunction *function, const Scope &scope)
{
    const engine::Expression expression = expression_of(function->funcexpr, scope);
    const bool is_call = is_written_as_call(function->funcexpr);
    if (!is_call)
        pieces.emplace_back(std::string("COALESCE("));
    append(pieces, expression);
    if (!is_call)
        pieces.emplace_back(std::string(")"));
    if (function->funccolnames != NIL)
        pieces.emplace_back(" AS (" + column_definitions(function) + ")");
}

engine::Expression functions_of(const RangeTblEntry *entry, const Scope &scope)
{
    engine::Expression rows;
    ListCell *cell;
    rows.pieces.emplace_back(std::string("ROWS FROM ("));
    foreach (cell, entry->functions) {
        if (foreach_current_index(cell) > 0)
            rows.pieces.emplace_back(std::string(", "));
        append_function(rows.pieces, lfirst_node(RangeTblFunction, cell), scope);
    }
    rows.pieces.emplace_back(std::string(entry->funcordinality ? ") WITH ORDINALITY" : ")"));
    return rows;
}

engine::Expression values_of(const RangeTblEntry *entry, const Scope &scope)
{
    engine::Expression rows;
    ListCell *row;
    ListCell *field;
    foreach (row, entry->values_lists) {
        rows.pieces.emplace_back(std::string(foreach_current_index(row) > 0 ? "), (" : "(VALUES ("));
        foreach (field, static_cast<List *>(lfirst(row))) {
            if (foreach_current_index(field) > 0)
                rows.pieces.emplace_back(std::string(", "));
            append(rows.pieces, expression_of(static_cast<Node *>(lfirst(field)), scope));
        }
    }
    rows.pieces.emplace_back(std::string("))"));
    return rows;
}

engine::Expression rows_of(const RangeTblEntry *entry, const Scope &scope)
{
    if (entry->rtekind == RTE_VALUES)
        return values_of(entry, scope);
    return entry->rtekind == RTE_TABLEFUNC ? expression_of(reinterpret_cast<Node *>(entry->tablefunc), scope)
                                           : functions_of(entry, scope);
}

} // namespace

bool is_computed(const RangeTblEntry *entry)
{
    return entry->rtekind == RTE_FUNCTION || entry->rtekind == RTE_TABLEFUNC || entry->rtekind == RTE_VALUES;
}

Node *computation_of(const RangeTblEntry *entry)
{
    return entry->rtekind == RTE_VALUES      ? reinterpret_cast<Node *>(entry->values_lists)
           : entry->rtekind == RTE_TABLEFUNC ? reinterpret_cast<Node *>(entry->tablefunc)
                                             : reinterpret_cast<Node *>(entry->functions);
}

void present_columns(int number, const RangeTblEntry *entry, List **names, List **vars)
{
    ListCell *cell;
    int place = 0;
    columns_of_entry(entry, number, true, names, vars);
    const bool is_alone = list_length(entry->functions) == 1 && !entry->funcordinality;
    foreach (cell, entry->functions) {
        const auto *function = lfirst_node(RangeTblFunction, cell);
        const TupleDesc today = row_type_of(function);
        place += function->funccolcount;
        for (int i = function->funccolcount; today != nullptr && i < today->natts; i++) {
            const auto *column = TupleDescAttr(today, i);
            auto *var = column->attisdropped
                            ? reinterpret_cast<Node *>(makeNullConst(INT4OID, -1, InvalidOid))
                            : reinterpret_cast<Node *>(makeVar(is_alone ? number : 0, column->attnum, column->atttypid,
                                                               column->atttypmod, column->attcollation, 0));
            *names = list_insert_nth(*names, place, makeString(pstrdup(NameStr(column->attname))));
            *vars = list_insert_nth(*vars, place++, var);
        }
    }
}

std::vector<Var *> vars_of_entry(const RangeTblEntry *entry)
{
    return vars_of(computation_of(entry));
}

const RangeTblEntry *FromClause::without_sublinks(const RangeTblEntry *entry, Input &outer)
{
    const SublinkValues found = translator_.sublink_values(level_, outer, {computation_of(entry)});
    if (found.links.empty())
        return entry;
    Node *computation = replaced(computation_of(entry), found.links, found.values);
    return call([&] {
        RangeTblEntry *copy = makeNode(RangeTblEntry);
        memcpy(copy, entry, sizeof(RangeTblEntry));
        if (entry->rtekind == RTE_VALUES)
            copy->values_lists = castNode(List, computation);
        else if (entry->rtekind == RTE_TABLEFUNC)
            copy->tablefunc = castNode(TableFunc, computation);
        else
            copy->functions = castNode(List, computation);
        return copy;
    });
}

Input computed_beside(int number, const RangeTblEntry *entry, Input outer)
{
    std::vector<engine::Column> columns;
    engine::Expression rows = rows_of(entry, outer.scope);
    add_columns(number, entry, columns, outer.scope);
    outer.plan = engine::lateral(outer.plan, std::move(rows), std::move(columns));
    return outer;
}

Input computed_left(int number, const RangeTblEntry *entry, Input outer, const std::vector<Node *> &on)
{
    std::vector<engine::Column> columns;
    std::vector<engine::Expression> condition;
    engine::Expression rows = rows_of(entry, outer.scope);
    add_columns(number, entry, columns, outer.scope);
    for (Node *conjunct : on)
        condition.push_back(expression_of(conjunct, outer.scope));
    outer.plan = engine::lateral(outer.plan, std::move(rows), std::move(columns), std::move(condition));
    return outer;
}

Input FromClause::computed_alone(int number, const RangeTblEntry *entry)
{
    Input one = {engine::values({}, {{}}), {}};
    entry = without_sublinks(entry, one);
    return computed_beside(number, entry, std::move(one));
}

Input FromClause::values(int number, const RangeTblEntry *entry)
{
    Input input;
    std::vector<engine::Column> columns;
    std::vector<std::vector<engine::Expression>> rows;
    ListCell *row;
    ListCell *field;

    add_columns(number, entry, columns, input.scope);
    foreach (row, entry->values_lists) {
        rows.emplace_back();
        foreach (field, static_cast<List *>(lfirst(row)))
            rows.back().push_back(expression_of(static_cast<Node *>(lfirst(field)), {}));
    }
    input.plan = engine::values(std::move(columns), std::move(rows));
    return input;
}

} // namespace pgtrickle::translate
