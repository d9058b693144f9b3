/* All functions of this file are PostgreSQL frames. */
#include "translate/check/anonymous_rows.hpp"

#include "pg/versions/parser.hpp"
#include "pg/walker.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"
}

namespace pgtrickle::translate {

namespace {

/* A query and the queries around it, to which Vars of outer levels refer. */
struct QueryLevel {
    Query *query;
    const QueryLevel *parent;
};

struct RowSearch {
    AnonymousRows *found;
    const QueryLevel *level;
    Node *from_function; /* function of the FROM item being walked; its columns are the item's */
};

bool is_row_or_rows(Oid type)
{
    return type == RECORDOID || type == RECORDARRAYOID;
}

void add_type(RowSearch *search, Oid type)
{
    if (!is_row_or_rows(type)) /* the columns of an anonymous row are found where it is constructed */
        search->found->types = list_append_unique_oid(search->found->types, type);
}

void add_expressions(RowSearch *search, List *expressions)
{
    ListCell *cell;
    foreach (cell, expressions)
        add_type(search, exprType(static_cast<Node *>(lfirst(cell))));
}

void add_whole_row(RowSearch *search, const Var *var)
{
    const QueryLevel *level = search->level;
    List *columns;

    for (Index i = 0; i < var->varlevelsup && level != nullptr; i++)
        level = level->parent;
    if (level == nullptr)
        elog(ERROR, "the query of a column is missing");
    columns_of_entry(rt_fetch(var->varno, level->query->rtable), var->varno, false, nullptr, &columns);
    add_expressions(search, columns);
}

/* The declared result type decides, since a polymorphic function returns rows that are among its
 * arguments. */
void add_function(RowSearch *search, Node *call, Oid function)
{
    TupleDesc descriptor;

    if (call == search->from_function || !is_row_or_rows(get_func_rettype(function)))
        return;
    if (get_func_rettype(function) == RECORDARRAYOID ||
        get_expr_result_type(call, nullptr, &descriptor) != TYPEFUNC_COMPOSITE) {
        search->found->are_known = false;
        return;
    }
    for (int i = 0; i < descriptor->natts; i++) {
        const Oid type = TupleDescAttr(descriptor, i)->atttypid;
        add_type(search, type);
        if (is_row_or_rows(type))
            search->found->are_known = false;
    }
}

/* A column definition list may declare a column of type record. */
void add_from_function(RowSearch *search, const RangeTblFunction *item)
{
    ListCell *cell;

    search->from_function = item->funcexpr;
    foreach (cell, item->funccoltypes) {
        if (is_row_or_rows(lfirst_oid(cell)))
            search->found->are_known = false;
    }
}

/* SEARCH and CYCLE construct rows of columns of the CTE. */
void add_common_table(RowSearch *search, const CommonTableExpr *cte)
{
    ListCell *cell;

    if (cte->search_clause == nullptr && cte->cycle_clause == nullptr)
        return;
    foreach (cell, cte->ctecoltypes)
        add_type(search, lfirst_oid(cell));
}

bool visit(Node *node, void *context)
{
    auto *search = static_cast<RowSearch *>(context);

    if (node == nullptr)
        return false;
    switch (nodeTag(node)) {
    case T_Query: {
        const QueryLevel level = {castNode(Query, node), search->level};
        search->level = &level;
        (void)walk_query(castNode(Query, node), visit, context, 0);
        search->level = level.parent;
        return false;
    }
    case T_RowExpr:
        if (castNode(RowExpr, node)->row_typeid == RECORDOID)
            add_expressions(search, castNode(RowExpr, node)->args);
        break;
    case T_Var:
        if (castNode(Var, node)->varattno == InvalidAttrNumber && castNode(Var, node)->vartype == RECORDOID)
            add_whole_row(search, castNode(Var, node));
        break;
    case T_Const:
        if (is_row_or_rows(castNode(Const, node)->consttype) && !castNode(Const, node)->constisnull)
            search->found->are_known = false;
        break;
    case T_RangeTblFunction: add_from_function(search, castNode(RangeTblFunction, node)); break;
    case T_CommonTableExpr: add_common_table(search, castNode(CommonTableExpr, node)); break;
    case T_FuncExpr: add_function(search, node, castNode(FuncExpr, node)->funcid); break;
    case T_OpExpr:
        /* A node that was read from a rule has no function yet. */
        set_opfuncid(castNode(OpExpr, node));
        add_function(search, node, castNode(OpExpr, node)->opfuncid);
        break;
    case T_Aggref: add_function(search, node, castNode(Aggref, node)->aggfnoid); break;
    case T_WindowFunc: add_function(search, node, castNode(WindowFunc, node)->winfnoid); break;
    default: break;
    }
    return walk_expression(node, visit, context);
}

} // namespace

AnonymousRows anonymous_rows_of(Query *query)
{
    AnonymousRows found;
    RowSearch search = {&found, nullptr, nullptr};
    (void)visit(reinterpret_cast<Node *>(query), &search);
    return found;
}

} // namespace pgtrickle::translate
