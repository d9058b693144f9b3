/*
 * Domains of values that are equal and look different: 1.0 and 1.00, 'A' and 'a' as citext, 0 and -0.
 *
 * A domain has equal values once, with one of their images. That is enough for a subquery that
 * only compares them by the operators of their own equality and order; one that shows them, or
 * computes with them, would show the image of another row. For such a one the image is a second
 * column of the domain: its rows are told apart by it, and joined back by both.
 */
#include "translate/domain.hpp"

#include "pg/walker.hpp"

extern "C" {
#include "access/stratnum.h"
#include "catalog/pg_collation.h"
#include "nodes/makefuncs.h"
#include "parser/parse_func.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"
}

namespace pgtrickle::translate {

namespace {

/* The functions of this namespace are PostgreSQL frames. */

/* Equal images or not, the operator says the same of equal values. */
bool sees_values_only(const Param *param, const OpExpr *test)
{
    const TypeCacheEntry *entry = lookup_type_cache(param->paramtype, TYPECACHE_BTREE_OPFAMILY | TYPECACHE_HASH_OPFAMILY);
    const bool is_of_order = OidIsValid(entry->btree_opf) && op_in_opfamily(test->opno, entry->btree_opf);
    const bool is_of_hash = OidIsValid(entry->hash_opf) && op_in_opfamily(test->opno, entry->hash_opf);
    return (is_of_order || is_of_hash) && (!OidIsValid(param->paramcollid) || test->inputcollid == param->paramcollid);
}

/* context: the Param. */
bool is_shown(Node *node, void *context)
{
    const auto *param = static_cast<const Param *>(context);
    if (node == nullptr)
        return false;
    if (IsA(node, Param))
        return equal(node, param);
    if (IsA(node, OpExpr) && sees_values_only(param, castNode(OpExpr, node))) {
        ListCell *cell;
        foreach (cell, castNode(OpExpr, node)->args) {
            auto *argument = static_cast<Node *>(lfirst(cell));
            if (!equal(argument, param) && is_shown(argument, context))
                return true;
        }
        return false;
    }
    if (IsA(node, Query))
        return walk_query(castNode(Query, node), is_shown, context, 0);
    return walk_expression(node, is_shown, context);
}

/* pgtrickle.image(value) COLLATE "C" */
Node *image_of(Node *value)
{
    Oid any[] = {ANYOID};
    const Oid function =
        LookupFuncName(list_make2(makeString(pstrdup("pgtrickle")), makeString(pstrdup("image"))), 1, any, false);
    const Oid input = exprCollation(value);
    CollateExpr *collated = makeNode(CollateExpr);
    collated->arg = reinterpret_cast<Expr *>(
        makeFuncExpr(function, TEXTOID, list_make1(copyObjectImpl(value)),
                     OidIsValid(input) ? input : DEFAULT_COLLATION_OID, input, COERCE_EXPLICIT_CALL));
    collated->collOid = C_COLLATION_OID;
    collated->location = -1;
    return reinterpret_cast<Node *>(collated);
}

bool has_equality(Oid type)
{
    return OidIsValid(lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr);
}

} // namespace

void tell_images_apart(const Query *query, std::vector<Reference> &references, int &next_param)
{
    auto *tree = reinterpret_cast<Node *>(const_cast<Query *>(query));
    for (size_t i = 0, count = references.size(); i < count; i++) {
        const Reference reference = references[i];
        const ValueType value = value_type(reference.param);
        if (!call([&] { return has_equality(value.type); }))
            refuse("correlated subquery that reads a column of type " + column_of(value).type,
                   "The type has no equality to tell the values by.",
                   "Use a type that has one, such as jsonb, or use refresh_mode 'FULL'.",
                   call([&] { return exprLocation(reference.outer); }));
        if (!engine::is_loose(column_of(value)))
            continue;
        if (tree != nullptr && !call([&] { return is_shown(tree, reference.param); }))
            continue;
        Node *image = call([&] { return image_of(reference.outer); });
        references.push_back({image, new_param({TEXTOID, -1, C_COLLATION_OID}, next_param)});
    }
}

} // namespace pgtrickle::translate
