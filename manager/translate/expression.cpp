#include "translate/expression.hpp"

#include "translate/own_operator.hpp"
#include "translate/refusal.hpp"
#include "translate/slots.hpp"
#include "pg/walker.hpp"

extern "C" {
#include "nodes/makefuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "parser/parse_clause.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_node.h"
#include "parser/parser.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
}

namespace pgtrickle::translate {

namespace {

struct Nodes {
    Node *const *items;
    int count;
};

struct Printed {
    const char *text;
    bool is_same; /* parsing the text gives the tree again */
    bool is_strict;
    bool may_fail;
    bool is_immutable;
};

/* The functions from here to print() are PostgreSQL frames. */

Param *slot_param(int position, Node *node)
{
    Param *param = makeNode(Param);
    param->paramkind = PARAM_EXTERN;
    param->paramid = position + 1;
    param->paramtype = exprType(node);
    param->paramtypmod = exprTypmod(node);
    param->paramcollid = exprCollation(node);
    param->location = -1;
    return param;
}

Node *substitute(Node *node, void *context)
{
    if (node == nullptr)
        return nullptr;
    const auto *nodes = static_cast<const Nodes *>(context);
    for (int i = 0; i < nodes->count; i++) {
        if (nodes->items[i] != nullptr && nodeTag(nodes->items[i]) == nodeTag(node) &&
            equal(nodes->items[i], node))
            return reinterpret_cast<Node *>(slot_param(i, node));
    }
    if (IsA(node, Var) || IsA(node, Aggref) || IsA(node, SubLink) || IsA(node, Param))
        elog(ERROR, "a column of an expression is not among the columns of its input");
    return mutate_expression(node, substitute, context);
}

Node *resolve_slot(ParseState *state, ParamRef *reference)
{
    const auto *nodes = static_cast<const Nodes *>(state->p_ref_hook_state);
    if (reference->number < 1 || reference->number > nodes->count)
        return nullptr;
    return reinterpret_cast<Node *>(slot_param(reference->number - 1, nodes->items[reference->number - 1]));
}

/* XMLTABLE is no expression, but stands in FROM alone. */
Node *parse_in_from(ParseState *state, const char *text)
{
    List *statements = raw_parser(psprintf("SELECT FROM %s AS t", text), RAW_PARSE_DEFAULT);
    auto *select = castNode(SelectStmt, linitial_node(RawStmt, statements)->stmt);
    transformFromClause(state, select->fromClause);
    return reinterpret_cast<Node *>(linitial_node(RangeTblEntry, state->p_rtable)->tablefunc);
}

Node *parse_again(const char *text, Nodes *nodes, bool is_in_from)
{
    ParseState *state = make_parsestate(nullptr);
    state->p_paramref_hook = resolve_slot;
    state->p_ref_hook_state = nodes;
    if (is_in_from)
        return parse_in_from(state, text);
    List *statements = raw_parser(psprintf("SELECT %s", text), RAW_PARSE_DEFAULT);
    auto *select = castNode(SelectStmt, linitial_node(RawStmt, statements)->stmt);
    auto *target = linitial_node(ResTarget, select->targetList);
    Node *result = transformExpr(state, target->val, EXPR_KIND_SELECT_TARGET);
    assign_expr_collations(state, result);
    return result;
}

bool is_not_leakproof(Oid function, void *)
{
    return !get_func_leakproof(function);
}

/* A leakproof function raises no error that depends on its arguments; of the nodes that
 * call no function of the catalog, those listed cannot raise one either. */
bool may_fail(Node *node, void *context)
{
    if (node == nullptr)
        return false;
    switch (nodeTag(node)) {
    case T_List:
    case T_Param:
    case T_Const:
    case T_OpExpr:
    case T_DistinctExpr:
    case T_NullIfExpr:
    case T_FuncExpr:
    case T_ScalarArrayOpExpr:
    case T_BoolExpr:
    case T_RelabelType:
    case T_CollateExpr:
    case T_CaseExpr:
    case T_CaseWhen:
    case T_CaseTestExpr:
    case T_CoalesceExpr:
    case T_NullTest:
    case T_BooleanTest:
        break;
    default:
        return true;
    }
    if (check_functions_in_node(node, is_not_leakproof, context))
        return true;
    return walk_expression(node, may_fail, context);
}

/* `OVER (?)` is what PostgreSQL prints of a window function whose window it is not told. */
const char *deparse(Node *tree)
{
    char *text = deparse_expression(tree, NIL, false, true);
    if (IsA(tree, WindowFunc)) {
        castNode(WindowFunc, tree)->winref = 1;
        text[strlen(text) - strlen("?)")] = ')';
        text[strlen(text) - 1] = '\0';
    }
    return text;
}

/* Is the tree the same when it is printed and parsed again? */
bool survives_printing(Node *tree, Nodes *nodes, Printed *printed)
{
    printed->text = deparse(tree);
    return equal(tree, parse_again(printed->text, nodes, IsA(tree, TableFunc)));
}

bool is_of_user(Oid function, void *)
{
    return function >= FirstNormalObjectId;
}

bool calls_users_function(Node *node, void *context)
{
    if (node == nullptr)
        return false;
    return check_functions_in_node(node, is_of_user, nullptr) || walk_expression(node, calls_users_function, context);
}

Printed print(Node *node, Nodes nodes, bool is_call)
{
    /* Of a call, the arguments are read from the input, not the call itself. */
    Node *tree = is_call ? mutate_expression(node, substitute, &nodes) : substitute(node, &nodes);
    tree = with_own_operators_spelled(tree);
    Printed printed;
    printed.is_same = survives_printing(tree, &nodes, &printed);
    if (!printed.is_same) {
        /* A cast of ARRAY[…] is parsed as one of its elements. Folding constants gets rid of most. */
        Node *folded = fold_constants(tree);
        Printed again;
        if (survives_printing(folded, &nodes, &again)) {
            printed = again;
            printed.is_same = true;
            tree = folded;
        }
    }
    printed.is_strict = !contain_nonstrict_functions(tree);
    printed.may_fail = may_fail(tree, nullptr);
    printed.is_immutable = !contain_mutable_functions(tree);
    return printed;
}

} // namespace

Node *fold_constants(Node *node)
{
    return calls_users_function(node, nullptr) ? node : eval_const_expressions(nullptr, node);
}

ValueType value_type(Node *node)
{
    return call([&] { return ValueType{exprType(node), exprTypmod(node), exprCollation(node)}; });
}

namespace {

engine::Expression printed_expression(Node *node, const Scope &scope, bool is_call)
{
    const Nodes nodes = {scope.data(), static_cast<int>(scope.size())};
    const Printed printed = call([&] { return print(node, nodes, is_call); });
    if (!printed.is_same)
        refuse("expression " + std::string(printed.text),
               "It is not the same expression when it is printed and parsed again.", use_full,
               call([&] { return exprLocation(node); }));
    engine::Expression expression;
    expression.pieces = split_slots(printed.text);
    if (!IsA(node, TableFunc))
        expression.result = column_of(value_type(node));
    expression.is_strict = printed.is_strict;
    expression.may_fail = printed.may_fail;
    expression.is_immutable = printed.is_immutable;
    return expression;
}

} // namespace

engine::Expression expression_of(Node *node, const Scope &scope)
{
    return printed_expression(node, scope, false);
}

engine::Expression call_of(Node *node, const Scope &scope)
{
    return printed_expression(node, scope, true);
}

} // namespace pgtrickle::translate
