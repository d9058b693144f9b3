/*
 * FROM items that read no relation: their rows are constants.
 */
#include "translate/query.hpp"

extern "C" {
#include "parser/parse_relation.h"
}

namespace pgtrickle::translate {

namespace {

/* The columns of a FROM item, all of them; scope[i] is the Var of column i. */
void add_columns(int number, const RangeTblEntry *entry, std::vector<engine::Column> &columns, Scope &scope)
{
    List *names = NIL;
    List *vars = NIL;
    call([&] { expandRTE(const_cast<RangeTblEntry *>(entry), number, 0, -1, false, &names, &vars); });
    for (int i = 0; i < list_length(vars); i++) {
        scope.push_back(static_cast<Node *>(list_nth(vars, i)));
        columns.push_back(column_of(value_type(scope.back()), strVal(list_nth(names, i))));
    }
}

} // namespace

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
