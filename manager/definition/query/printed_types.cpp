#include "definition/query/printed_types.hpp"

#include "pg/walker.hpp"

extern "C" {
#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
}

namespace pgtrickle::definition {

namespace {

Oid printed_type(const ::Node *node)
{
    if (IsA(node, ArrayExpr))
        return reinterpret_cast<const ArrayExpr *>(node)->array_typeid;
    if (IsA(node, FuncExpr) && reinterpret_cast<const FuncExpr *>(node)->funcformat == COERCE_EXPLICIT_CAST)
        return reinterpret_cast<const FuncExpr *>(node)->funcresulttype;
    return InvalidOid;
}

bool collect(::Node *node, void *context)
{
    if (node == nullptr)
        return false;
    if (IsA(node, Query))
        return walk_query(castNode(Query, node), collect, context, 0);
    if (const Oid type = printed_type(node); type >= FirstNormalObjectId) {
        ObjectAddress address;
        ObjectAddressSet(address, TypeRelationId, type);
        add_exact_object_address(&address, static_cast<ObjectAddresses *>(context));
    }
    return walk_expression(node, collect, context);
}

} // namespace

void depend_on_printed_types(Oid rule, const Query *query)
{
    ObjectAddresses *types = new_object_addresses();
    (void)collect(reinterpret_cast<::Node *>(const_cast<Query *>(query)), types);
    ObjectAddress referencing;
    ObjectAddressSet(referencing, RewriteRelationId, rule);
    record_object_address_dependencies(&referencing, types, DEPENDENCY_NORMAL);
    free_object_addresses(types);
}

} // namespace pgtrickle::definition
