#include "translate/check/time_text.hpp"

#include "definition/state/extension_table.hpp"
#include "pg/walker.hpp"

extern "C" {
#include "nodes/makefuncs.h"
#include "parser/parse_coerce.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle::translate {

namespace {

Oid time_text_function()
{
    return definition::extension_function("pgt_time_text", {TEXTOID});
}

bool is_of_text(const CoerceViaIO *cast)
{
    const Oid type = exprType(reinterpret_cast<Node *>(cast->arg));
    const Oid result = cast->resulttype;
    return (type == TEXTOID || type == VARCHAROID || type == BPCHAROID) &&
           (result == DATEOID || result == TIMEOID || result == TIMESTAMPOID || result == TIMESTAMPTZOID);
}

Node *look_at_texts(Node *node, void *context)
{
    if (node == nullptr)
        return nullptr;
    if (IsA(node, Query))
        return reinterpret_cast<Node *>(query_tree_mutator(castNode(Query, node), for_core(look_at_texts), context, 0));
    if (IsA(node, ArrayCoerceExpr)) { /* no text could show that the texts of the elements are checked */
        auto *cast = static_cast<ArrayCoerceExpr *>(copyObjectImpl(node));
        cast->arg = reinterpret_cast<Expr *>(look_at_texts(reinterpret_cast<Node *>(cast->arg), context));
        return reinterpret_cast<Node *>(cast);
    }
    node = mutate_expression(node, look_at_texts, context);
    if (!IsA(node, CoerceViaIO) || !is_of_text(castNode(CoerceViaIO, node)))
        return node;
    auto *cast = castNode(CoerceViaIO, node);
    auto *value = reinterpret_cast<Node *>(cast->arg);
    Node *text = coerce_to_target_type(nullptr, value, exprType(value), TEXTOID, -1, COERCION_IMPLICIT,
                                       COERCE_IMPLICIT_CAST, -1);
    const Oid collation = exprCollation(value);
    if (text != value) {
        exprSetCollation(text, collation);
        exprSetInputCollation(text, collation);
    }
    cast->arg = reinterpret_cast<Expr *>(
        makeFuncExpr(time_text_function(), TEXTOID, list_make1(text), collation, collation, COERCE_EXPLICIT_CALL));
    return node;
}

} // namespace

Query *with_checked_time_texts(Query *query)
{
    return castNode(Query, look_at_texts(reinterpret_cast<Node *>(query), nullptr));
}

bool has_checked_text(const CoerceViaIO *cast)
{
    return is_of_text(cast) && IsA(cast->arg, FuncExpr) &&
           castNode(FuncExpr, cast->arg)->funcid == time_text_function();
}

} // namespace pgtrickle::translate
