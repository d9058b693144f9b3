#include "translate/expression/expression.hpp"

#include "definition/query/own_operator.hpp"
#include "pg/internal_query.hpp"
#include "pg/versions/deparse.hpp"
#include "pg/walker.hpp"
#include "translate/check/can_fail.hpp"
#include "translate/check/known_function.hpp"
#include "translate/check/refusal.hpp"
#include "translate/check/usable_names.hpp"
#include "translate/expression/constants.hpp"
#include "translate/expression/scale.hpp"
#include "translate/expression/slots.hpp"

extern "C" {
#include "catalog/pg_proc.h"
#include "nodes/makefuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "parser/parse_clause.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_node.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/typcache.h"
}

namespace pgtrickle::translate {

namespace {

/* Meaning of the parameters of a tree: the items of the scope, then the constants of the tree that are not
 * printed. */
struct Nodes {
    Node *const *items;
    int count;
    List *constants;
};

struct Printed {
    UnusableName unusable; /* if set, there is no text */
    const char *text;
    bool is_same; /* parsing the text yields the same tree */
    bool is_strict;
    bool may_fail;
    bool is_immutable;
    bool needs_column;
};

/* The functions from here to print() are PostgreSQL frames. */

/* Whether the node is one that with_typmod() adds. */
bool is_label(const Node *node)
{
    if (!IsA(node, RelabelType))
        return false;
    const auto *label = reinterpret_cast<const RelabelType *>(node);
    return label->relabelformat == COERCE_IMPLICIT_CAST && label->resulttypmod != -1 &&
           label->resulttype == exprType(reinterpret_cast<const Node *>(label->arg));
}

Param *param_of(int position, Node *node)
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
        if (nodes->items[i] != nullptr && nodeTag(nodes->items[i]) == nodeTag(node) && equal(nodes->items[i], node))
            return reinterpret_cast<Node *>(param_of(i, node));
    }
    if (is_label(node))
        return substitute(reinterpret_cast<Node *>(reinterpret_cast<RelabelType *>(node)->arg), context);
    if (IsA(node, Var) || IsA(node, Aggref) || IsA(node, SubLink) || IsA(node, Param))
        elog(ERROR, "a column of an expression is not among the columns of its input");
    return mutate_expression(node, substitute, context);
}

/* Returns the tree with a parameter for each constant that is not printed. */
Node *without_constants(Node *node, void *context)
{
    if (node == nullptr)
        return nullptr;
    if (!IsA(node, Const) || is_printed_constant(castNode(Const, node)))
        return mutate_expression(node, without_constants, context);
    auto *nodes = static_cast<Nodes *>(context);
    nodes->constants = lappend(nodes->constants, node);
    return reinterpret_cast<Node *>(param_of(nodes->count + list_length(nodes->constants) - 1, node));
}

Node *node_numbered(const Nodes *nodes, int number)
{
    if (number < 1 || number > nodes->count + list_length(nodes->constants))
        return nullptr;
    return number <= nodes->count ? nodes->items[number - 1]
                                  : static_cast<Node *>(list_nth(nodes->constants, number - nodes->count - 1));
}

Node *resolve_param(ParseState *state, ParamRef *reference)
{
    Node *node = node_numbered(static_cast<const Nodes *>(state->p_ref_hook_state), reference->number);
    return node == nullptr ? nullptr : reinterpret_cast<Node *>(param_of(reference->number - 1, node));
}

/* Returns the `$n` by which the text of the program refers to a constant. */
const char *constant_text(const Nodes *nodes, int position)
{
    return psprintf("$%d", Constants::number_of(castNode(Const, node_numbered(nodes, position + 1))));
}

/* Parses XMLTABLE, which is not an expression and may appear in FROM only. */
Node *parse_in_from(ParseState *state, const char *text)
{
    SelectStmt *select = parse_internal(psprintf("SELECT FROM %s AS t", text));
    transformFromClause(state, select->fromClause);
    return reinterpret_cast<Node *>(linitial_node(RangeTblEntry, state->p_rtable)->tablefunc);
}

Node *parse_again(const char *text, Nodes *nodes, bool is_in_from)
{
    ParseState *state = make_parsestate(nullptr);
    state->p_paramref_hook = resolve_param;
    state->p_ref_hook_state = nodes;
    if (is_in_from)
        return parse_in_from(state, text);
    SelectStmt *select = parse_internal(psprintf("SELECT %s", text));
    auto *target = linitial_node(ResTarget, select->targetList);
    Node *result = transformExpr(state, target->val, EXPR_KIND_SELECT_TARGET);
    assign_expr_collations(state, result);
    return result;
}

/* A window function is printed with the window that it has when its text is parsed. */
const char *deparse(Node *tree)
{
    if (!IsA(tree, WindowFunc))
        return deparse_expression(tree, NIL, false, true);
    castNode(WindowFunc, tree)->winref = 1;
    return window_function_text(castNode(WindowFunc, tree));
}

/* Whether the tree is the same after printing and parsing. */
bool survives_printing(Node *tree, Nodes *nodes, Printed *printed)
{
    nodes->constants = NIL;
    tree = without_constants(tree, nodes);
    printed->text = deparse(tree);
    return equal(tree, parse_again(printed->text, nodes, IsA(tree, TableFunc)));
}

/* Whether the node is varchar(value, 24, false), the implicit length coercion of an assignment: printed as a
 * cast it would become an explicit one, which truncates the value. */
bool is_length_of_assignment(Node *node)
{
    if (!IsA(node, FuncExpr) || !exprIsLengthCoercion(node, nullptr) ||
        list_length(castNode(FuncExpr, node)->args) != 3)
        return false;
    auto *is_explicit = static_cast<Node *>(lthird(castNode(FuncExpr, node)->args));
    return IsA(is_explicit, Const) && !castNode(Const, is_explicit)->constisnull &&
           !DatumGetBool(castNode(Const, is_explicit)->constvalue);
}

/* Writes such a coercion as a function call. A cast to a domain passes a value of another type to it, which has the
 * same representation and need not have an implicit cast. */
void spell_length(FuncExpr *coercion)
{
    coercion->funcformat = COERCE_EXPLICIT_CALL;
    ListCell *value = list_head(coercion->args);
    auto *operand = static_cast<Node *>(lfirst(value));
    Oid *types;
    int count;
    get_func_signature(coercion->funcid, &types, &count);
    if (exprType(operand) != types[0])
        lfirst(value) = makeRelabelType(reinterpret_cast<Expr *>(operand), types[0], -1, exprCollation(operand),
                                        COERCE_EXPLICIT_CAST);
}

/* Returns the explicit coercion that the parser adds to such a call when it casts it to a domain. */
Expr *with_length_of_domain(FuncExpr *spelled)
{
    List *arguments = list_make3(spelled, lsecond(spelled->args), makeBoolConst(true, false));
    return reinterpret_cast<Expr *>(makeFuncExpr(spelled->funcid, spelled->funcresulttype, arguments,
                                                 spelled->funccollid, spelled->inputcollid, COERCE_IMPLICIT_CAST));
}

/* Returns the tree with such length coercions as function calls. */
Node *with_lengths_spelled(Node *node, void *context)
{
    if (node == nullptr)
        return nullptr;
    Node *result = mutate_expression(node, with_lengths_spelled, context);
    if (is_length_of_assignment(node))
        spell_length(castNode(FuncExpr, result));
    if (IsA(node, CoerceToDomain) &&
        is_length_of_assignment(reinterpret_cast<Node *>(castNode(CoerceToDomain, node)->arg))) {
        auto *cast = castNode(CoerceToDomain, result);
        cast->arg = with_length_of_domain(castNode(FuncExpr, cast->arg));
    }
    return result;
}

/* Returns the tree with AND and OR as lists, as the parser makes them of nested ones. A comparison of rows becomes such
 * a list, of which another one may have become the first member. */
Node *with_flat_lists(Node *node, void *context)
{
    if (node == nullptr)
        return nullptr;
    Node *result = mutate_expression(node, with_flat_lists, context);
    if (!IsA(result, BoolExpr) || castNode(BoolExpr, result)->boolop == NOT_EXPR)
        return result;
    auto *list = castNode(BoolExpr, result);
    List *flat = NIL;
    ListCell *cell;
    foreach (cell, list->args) {
        auto *each = static_cast<Node *>(lfirst(cell));
        const bool is_same = IsA(each, BoolExpr) && castNode(BoolExpr, each)->boolop == list->boolop;
        flat = is_same ? list_concat(flat, castNode(BoolExpr, each)->args) : lappend(flat, each);
    }
    list->args = flat;
    return result;
}

Node *null_field(const FormData_pg_attribute *column)
{
    if (column->attisdropped)
        return reinterpret_cast<Node *>(makeNullConst(INT4OID, -1, InvalidOid));
    auto *null = reinterpret_cast<Node *>(makeNullConst(UNKNOWNOID, -1, InvalidOid));
    Node *field = coerce_to_target_type(nullptr, null, UNKNOWNOID, column->atttypid, column->atttypmod,
                                        COERCION_EXPLICIT, COERCE_IMPLICIT_CAST, -1);
    assign_expr_collations(nullptr, field);
    return field;
}

/* Returns the tree with rows of named types as the parser makes them of the fields that are printed: a type may have
 * got columns since the query was analyzed, and may have lost some. */
Node *with_present_fields(Node *node, void *context)
{
    if (node == nullptr)
        return nullptr;
    Node *result = mutate_expression(node, with_present_fields, context);
    if (!IsA(result, RowExpr) || castNode(RowExpr, result)->row_typeid == RECORDOID)
        return result;
    auto *row = castNode(RowExpr, result);
    TupleDesc descriptor = lookup_rowtype_tupdesc_domain(row->row_typeid, -1, false);
    List *fields = NIL;
    for (int i = 0; i < descriptor->natts; i++) {
        const bool has_field = i < list_length(row->args) && !TupleDescAttr(descriptor, i)->attisdropped;
        fields = lappend(fields, has_field ? list_nth(row->args, i) : null_field(TupleDescAttr(descriptor, i)));
    }
    ReleaseTupleDesc(descriptor);
    row->args = fields;
    return result;
}

/* Whether the value of an IMMUTABLE function, as no other is folded, may be another one under the text settings, or is
 * computed by a user. */
bool is_not_foldable(Oid function, void *)
{
    const KnownFunction *known = known_function(function);
    return function >= FirstNormalObjectId ||
           (known != nullptr && known->settings != 0 && func_volatile(function) == PROVOLATILE_IMMUTABLE);
}

bool has_unfoldable(Node *node, void *context)
{
    if (node == nullptr)
        return false;
    return check_functions_in_node(node, is_not_foldable, nullptr) || walk_expression(node, has_unfoldable, context);
}

/* Folds the largest parts of an expression that can be folded. A list and WHEN are none. */
Node *fold_parts(Node *node, void *context)
{
    if (node == nullptr || IsA(node, Query))
        return node;
    const bool is_expression = !IsA(node, List) && !IsA(node, CaseWhen);
    return is_expression && !has_unfoldable(node, nullptr) ? eval_const_expressions(nullptr, node)
                                                           : mutate_expression(node, fold_parts, context);
}

bool has_collate_clause(Node *node, void *context)
{
    return node != nullptr && (IsA(node, CollateExpr) || walk_expression(node, has_collate_clause, context));
}

Printed print(Node *node, Nodes *nodes, bool is_call)
{
    /* For a call, the arguments are read from the input; the call itself is not. */
    Node *tree = is_call ? mutate_expression(node, substitute, nodes) : substitute(node, nodes);
    tree = definition::with_own_operators_spelled(tree);
    tree = with_present_fields(with_flat_lists(with_lengths_spelled(tree, nullptr), nullptr), nullptr);
    Printed printed = {};
    printed.unusable = unusable_name(tree);
    if (printed.unusable.name != nullptr)
        return printed;
    printed.is_same = survives_printing(tree, nodes, &printed);
    if (!printed.is_same) {
        /* A cast of ARRAY[…] is parsed as casts of its elements. Folding constants resolves most cases. */
        Node *folded = fold_constants(tree);
        Printed again = {};
        if (survives_printing(folded, nodes, &again)) {
            printed = again;
            printed.is_same = true;
            tree = folded;
        }
    }
    printed.is_strict = !contain_nonstrict_functions(tree);
    printed.may_fail = may_fail(tree);
    printed.is_immutable = !contain_mutable_functions(tree);
    printed.needs_column = !IsA(node, TableFunc) && type_is_collatable(exprType(node)) &&
                           (!OidIsValid(exprCollation(node)) || has_collate_clause(node, nullptr));
    return printed;
}

} // namespace

Node *fold_constants(Node *node)
{
    return fold_parts(node, nullptr);
}

Node *with_typmod(Node *node, int32 typmod)
{
    if (node == nullptr || typmod == -1 || exprTypmod(node) == typmod)
        return node;
    RelabelType *label = makeRelabelType(reinterpret_cast<Expr *>(node), exprType(node), typmod, exprCollation(node),
                                         COERCE_IMPLICIT_CAST);
    return reinterpret_cast<Node *>(label);
}

ValueType value_type(Node *node)
{
    return call([&] { return ValueType{exprType(node), exprTypmod(node), exprCollation(node)}; });
}

namespace {

using Pieces = std::vector<std::variant<std::string, int>>;

/* Replaces the constants by text, and joins adjacent text into one piece. */
Pieces with_constants(const Pieces &pieces, const Nodes &nodes)
{
    Pieces result;
    for (Pieces::value_type piece : pieces) {
        if (piece.index() == 1 && std::get<1>(piece) >= nodes.count)
            piece = std::string(call([&] { return constant_text(&nodes, std::get<1>(piece)); }));
        if (piece.index() == 0 && !result.empty() && result.back().index() == 0)
            std::get<0>(result.back()) += std::get<0>(piece);
        else
            result.push_back(std::move(piece));
    }
    return result;
}

bool is_anonymous_row(const Node *node)
{
    return IsA(node, RowExpr) && reinterpret_cast<const RowExpr *>(node)->row_typeid == RECORDOID;
}

engine::Expression printed_expression(Node *node, const Scope &scope, bool is_call)
{
    Nodes nodes = {scope.data(), static_cast<int>(scope.size()), NIL};
    const Printed printed = call([&] { return print(node, &nodes, is_call); });
    if (printed.unusable.name != nullptr)
        refuse_unusable(printed.unusable);
    if (!printed.is_same)
        refuse("expression " + std::string(printed.text), "It changes when it is printed and parsed again.", use_full,
               call([&] { return exprLocation(node); }));
    engine::Expression expression;
    std::string text = printed.text;
    /* The text may become an operand: the parser compares the columns of two ROW(…), which is not to compare rows. */
    if (is_anonymous_row(node))
        text += "::pg_catalog.record";
    expression.pieces = with_constants(split_slots(text), nodes);
    if (!IsA(node, TableFunc))
        expression.result = column_of(value_type(node));
    if (expression.result.kind == engine::TypeKind::numeric && !expression.result.scale)
        if (const int scale = call([=] { return common_scale(node); }); scale >= 0)
            expression.result.scale = scale;
    expression.is_strict = printed.is_strict;
    expression.may_fail = printed.may_fail;
    expression.is_immutable = printed.is_immutable;
    expression.needs_column = printed.needs_column;
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
