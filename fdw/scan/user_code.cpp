#include "fdw/scan/user_code.hpp"

#include "pg/walker.hpp"

extern "C" {
#include "access/transam.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle {

namespace {

bool is_function_of_a_user(Oid function, void *)
{
    return function >= FirstNormalObjectId;
}

bool finds_code_of_a_user(::Node *node, void *context)
{
    if (node == nullptr)
        return false;
    if (!IsA(node, List) &&
        (check_functions_in_node(node, is_function_of_a_user, context) || is_type_of_a_user(exprType(node))))
        return true;
    return walk_expression(node, finds_code_of_a_user, context);
}

} // namespace

bool is_type_of_a_user(Oid type)
{
    return type >= FirstNormalObjectId && get_typtype(type) != TYPTYPE_ENUM;
}

bool runs_code_of_a_user(::Node *expression)
{
    return finds_code_of_a_user(expression, nullptr);
}

} // namespace pgtrickle
