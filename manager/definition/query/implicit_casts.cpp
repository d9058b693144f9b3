#include "definition/query/implicit_casts.hpp"

#include "definition/query/output_columns.hpp"
#include "pg/walker.hpp"

extern "C" {
#include "nodes/nodeFuncs.h"
}

namespace pgtrickle::definition {

namespace {

::Node *without_casts(::Node *node, void *context)
{
    if (node == nullptr)
        return nullptr;
    if (IsA(node, Query))
        return reinterpret_cast<::Node *>(
            query_tree_mutator(castNode(Query, node), for_core(without_casts), context, 0));
    if (Expr *operand = converted(reinterpret_cast<Expr *>(node)); operand != nullptr)
        return without_casts(reinterpret_cast<::Node *>(operand), context);
    return mutate_expression(node, without_casts, context);
}

/* Whether the node only removes the length or precision from the type of a value. */
bool is_label(::Node *node)
{
    if (!IsA(node, RelabelType))
        return false;
    const auto *cast = castNode(RelabelType, node);
    auto *value = reinterpret_cast<::Node *>(cast->arg);
    return cast->resulttype == exprType(value) && cast->resultcollid == exprCollation(value);
}

::Node *without_labels(::Node *node, void *context)
{
    if (node == nullptr)
        return nullptr;
    if (IsA(node, Query))
        return reinterpret_cast<::Node *>(
            query_tree_mutator(castNode(Query, node), for_core(without_labels), context, 0));
    ::Node *result = mutate_expression(node, without_labels, context);
    return is_label(result) ? reinterpret_cast<::Node *>(castNode(RelabelType, result)->arg) : result;
}

} // namespace

Query *without_implicit_casts(Query *query)
{
    return castNode(Query, without_casts(reinterpret_cast<::Node *>(query), nullptr));
}

bool compute_the_same(Query *one, Query *other)
{
    return equal(without_labels(reinterpret_cast<::Node *>(one), nullptr),
                 without_labels(reinterpret_cast<::Node *>(other), nullptr));
}

} // namespace pgtrickle::definition
