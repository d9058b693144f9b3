#include "definition/query/implicit_casts.hpp"

#include "definition/query/output_columns.hpp"
#include "pg/walker.hpp"

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

} // namespace

Query *without_implicit_casts(Query *query)
{
    auto *copy = static_cast<Query *>(copyObjectImpl(query));
    remove_casts(copy); /* with the collations of declared columns, for which values may have no casts left */
    return castNode(Query, without_casts(reinterpret_cast<::Node *>(copy), nullptr));
}

} // namespace pgtrickle::definition
