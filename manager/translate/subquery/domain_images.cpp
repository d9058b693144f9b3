/*
 * Domains of values that are equal and look different: 1.0 and 1.00, 'A' and 'a' as citext, 0 and -0.
 *
 * A domain has equal values once, with one of their images. That is sufficient for a subquery that only
 * compares them by the operators of their own equality and order; a subquery that returns them, or computes
 * with them, would see the image of another row. For such a subquery the image is a second column of the
 * domain: its rows are distinguished by it, and joined back by both. For a type without equality (json, xml)
 * the domain has the text only, from which the subquery computes the value.
 */
#include "translate/subquery/domain.hpp"

#include "definition/state/extension_table.hpp"
#include "pg/walker.hpp"

extern "C" {
#include "access/stratnum.h"
#include "catalog/pg_collation.h"
#include "nodes/makefuncs.h"
#include "parser/parse_coerce.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"
}

namespace pgtrickle::translate {

namespace {

/* The functions of this namespace are PostgreSQL frames. */

/* Whether the operator has the same result for equal values, whatever their images. */
bool sees_values_only(const Param *param, const OpExpr *test)
{
    const TypeCacheEntry *entry =
        lookup_type_cache(param->paramtype, TYPECACHE_BTREE_OPFAMILY | TYPECACHE_HASH_OPFAMILY);
    const bool is_of_order = OidIsValid(entry->btree_opf) && op_in_opfamily(test->opno, entry->btree_opf);
    const bool is_of_hash = OidIsValid(entry->hash_opf) && op_in_opfamily(test->opno, entry->hash_opf);
    return (is_of_order || is_of_hash) && (!OidIsValid(param->paramcollid) || test->inputcollid == param->paramcollid);
}

/* Whether the image of the Param in `context` can be seen in `node`. */
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

/* Returns pgtrickle.image(value) COLLATE "C". */
Node *image_of(Node *value)
{
    const Oid function = definition::extension_function("image", {ANYOID});
    const Oid input = exprCollation(value);
    CollateExpr *collated = makeNode(CollateExpr);
    collated->arg = reinterpret_cast<Expr *>(makeFuncExpr(function, TEXTOID, list_make1(copyObjectImpl(value)),
                                                          OidIsValid(input) ? input : DEFAULT_COLLATION_OID, input,
                                                          COERCE_EXPLICIT_CALL));
    collated->collOid = C_COLLATION_OID;
    collated->location = -1;
    return reinterpret_cast<Node *>(collated);
}

bool has_equality(Oid type)
{
    return OidIsValid(lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr);
}

/* Whether the value can be computed from its text, whatever the settings. */
bool is_its_text(Oid type)
{
    const Oid element = get_element_type(type);
    return type == JSONOID || type == XMLOID || type == JSONPATHOID || (OidIsValid(element) && is_its_text(element));
}

Node *cast(Node *value, Oid type)
{
    Node *made = coerce_to_target_type(nullptr, static_cast<Node *>(copyObjectImpl(value)), exprType(value), type, -1,
                                       COERCION_EXPLICIT, COERCE_EXPLICIT_CAST, -1);
    exprSetCollation(made, get_typcollation(type));
    exprSetInputCollation(made, exprCollation(value));
    return made;
}

Node *text_of(Node *value)
{
    CollateExpr *collated = makeNode(CollateExpr);
    collated->arg = reinterpret_cast<Expr *>(cast(value, TEXTOID));
    collated->collOid = C_COLLATION_OID;
    collated->location = -1;
    return reinterpret_cast<Node *>(collated);
}

struct Putting {
    Node *param;
    Node *instead;
};

/* PostgreSQL frame. */
Node *put_in(Node *node, void *context)
{
    const auto *putting = static_cast<const Putting *>(context);
    if (node == nullptr)
        return nullptr;
    if (IsA(node, Param) && equal(node, putting->param))
        return static_cast<Node *>(copyObjectImpl(putting->instead));
    if (IsA(node, Query))
        return reinterpret_cast<Node *>(query_tree_mutator(castNode(Query, node), for_core(put_in), context, 0));
    return mutate_expression(node, put_in, context);
}

/* Returns a reference to the text of a value without equality, and replaces the value in `query` by a cast of
 * the text. */
Reference read_as_text(const Reference &reference, Query *query, int &next_param)
{
    Node *text = new_param({TEXTOID, -1, C_COLLATION_OID}, next_param);
    return call([&] {
        if (query != nullptr) {
            Putting putting = {reference.param, cast(text, exprType(reference.param))};
            const auto *changed = castNode(Query, put_in(reinterpret_cast<Node *>(query), &putting));
            memcpy(query, changed, sizeof(Query));
        }
        return Reference{text_of(reference.outer), text};
    });
}

} // namespace

Reference what_is_read(const Reference &reference)
{
    return call([&] {
        if (!IsA(reference.outer, CollateExpr))
            return reference;
        auto *text = reinterpret_cast<Node *>(castNode(CollateExpr, reference.outer)->arg);
        Expr *value = IsA(text, CoerceViaIO)   ? castNode(CoerceViaIO, text)->arg
                      : IsA(text, RelabelType) ? castNode(RelabelType, text)->arg
                                               : nullptr;
        auto *outer = reinterpret_cast<Node *>(value);
        if (outer == nullptr || !is_its_text(exprType(outer)))
            return reference;
        return Reference{outer, cast(reference.param, exprType(outer))};
    });
}

Reference image_reference(Node *outer, int &next_param)
{
    return {call([&] { return image_of(outer); }), new_param({TEXTOID, -1, C_COLLATION_OID}, next_param)};
}

bool has_equality(const ValueType &value)
{
    return call([&] { return has_equality(value.type); });
}

void distinguish_images(Query *query, std::vector<Reference> &references, int &next_param)
{
    auto *tree = reinterpret_cast<Node *>(query);
    for (size_t i = 0, count = references.size(); i < count; i++) {
        const Reference reference = references[i];
        const ValueType value = value_type(reference.param);
        if (call([&] { return !has_equality(value.type) && is_its_text(value.type); })) {
            references[i] = read_as_text(reference, query, next_param);
            continue;
        }
        if (!call([&] { return has_equality(value.type); }))
            refuse("correlated subquery that reads a column of type " + column_of(value).type,
                   "The type has no equality operator.",
                   "Use a type that has one, such as jsonb, or use refresh_mode 'FULL'.",
                   call([&] { return exprLocation(reference.outer); }));
        if (!engine::is_loose(column_of(value)))
            continue;
        if (tree != nullptr && !call([&] { return is_shown(tree, reference.param); }))
            continue;
        references.push_back(image_reference(reference.outer, next_param));
    }
}

} // namespace pgtrickle::translate
