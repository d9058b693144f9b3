/*
 * A row as one value: `t` or `t.*` in an expression.
 *
 * The FROM item itself computes this column from all its columns, so that an outer join pads it as a whole: a
 * row of NULLs is not a NULL. A row of a named type is ROW(…)::type; an anonymous one is the row of a
 * subquery, which gives its fields their names.
 *
 * PostgreSQL's planner expands ROW(…) IS NOT NULL, and finds the NULL that represents a dropped column in it;
 * a row of a type with dropped columns is therefore computed below an OFFSET 0, where the planner does not
 * expand it.
 */
#include "pg/versions/parser.hpp"
#include "translate/level/level.hpp"

extern "C" {
#include "nodes/makefuncs.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle::translate {

namespace {

struct Columns {
    List *names;
    List *vars;
};

Columns all_columns(int number, const RangeTblEntry *entry)
{
    List *names = NIL;
    List *vars = NIL;
    call([&] { columns_of_entry(entry, number, false, &names, &vars); });
    return {names, vars};
}

/* PostgreSQL frame. */
Node *row_of_type(List *fields, Oid type)
{
    RowExpr *row = makeNode(RowExpr);
    row->args = fields;
    row->row_typeid = type;
    row->row_format = COERCE_EXPLICIT_CAST;
    row->location = -1;
    return reinterpret_cast<Node *>(row);
}

bool has_dropped(const List *fields)
{
    ListCell *cell;
    foreach (cell, fields) {
        if (!IsA(lfirst(cell), Var))
            return true;
    }
    return false;
}

Input with_named_row(int number, const RangeTblEntry *entry, Input input, Node *whole)
{
    List *names = NIL;
    List *fields = NIL;
    call([&] { present_columns(number, entry, &names, &fields); });
    const Oid type = value_type(whole).type;
    const engine::Expression row = expression_of(call([&] { return row_of_type(fields, type); }), input.scope);
    if (has_dropped(fields)) {
        engine::Expression hidden;
        hidden.pieces = row.pieces;
        hidden.pieces.insert(hidden.pieces.begin(), std::string("(SELECT "));
        hidden.pieces.emplace_back(std::string(" OFFSET 0)"));
        input.plan = engine::lateral(input.plan, std::move(hidden), {column_of(value_type(whole), "whole_row")});
        input.scope.push_back(whole);
        return input;
    }
    std::vector<engine::NamedExpression> expressions;
    const auto &columns = engine::columns(input.plan);
    for (size_t i = 0; i < columns.size(); i++)
        expressions.push_back({engine::column_reference(static_cast<int>(i), columns[i]), columns[i].name});
    expressions.push_back({row, "whole_row"});
    input.plan = engine::project(input.plan, std::move(expressions));
    input.scope.push_back(whole);
    return input;
}

Input with_anonymous_row(int number, const RangeTblEntry *entry, Input input, Node *whole)
{
    const Columns all = all_columns(number, entry);
    engine::Expression row;
    /* A name alone would be that of a column, if there is one around, and r.* would be the columns. */
    row.pieces.emplace_back(std::string("(SELECT COALESCE(r.*) FROM (SELECT "));
    for (int i = 0; i < list_length(all.vars); i++) {
        const char *name = call([&] { return quote_identifier(strVal(list_nth(all.names, i))); });
        row.pieces.emplace_back(position_in(input.scope, static_cast<Node *>(list_nth(all.vars, i))));
        row.pieces.emplace_back(" AS " + std::string(name) + (i + 1 < list_length(all.vars) ? ", " : ""));
    }
    row.pieces.emplace_back(std::string(") AS r)"));
    input.plan = engine::lateral(input.plan, std::move(row), {column_of(value_type(whole), "whole_row")});
    input.scope.push_back(whole);
    return input;
}

} // namespace

void add_columns_of_whole_rows(const Query *query, std::map<int, std::map<AttrNumber, Node *>> &used)
{
    for (auto &[number, columns] : used) {
        if (!columns.contains(0))
            continue;
        ListCell *cell;
        foreach (cell, all_columns(number, rt_fetch(number, query->rtable)).vars) {
            auto *var = lfirst_node(Var, cell);
            columns.emplace(var->varattno, reinterpret_cast<Node *>(var));
        }
    }
}

Input with_whole_row(int number, const RangeTblEntry *entry, Input input, Node *whole)
{
    return value_type(whole).type == RECORDOID ? with_anonymous_row(number, entry, std::move(input), whole)
                                               : with_named_row(number, entry, std::move(input), whole);
}

} // namespace pgtrickle::translate
