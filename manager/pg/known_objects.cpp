#include "pg/known_objects.hpp"

#include "pg/walker.hpp"

extern "C" {
#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
}

namespace pgtrickle {

namespace {

struct Found : KnownObjects {
    bool is_of_text = false; /* then only types of coercions count, as its columns have types that the query does not */
};

bool is_of_user(Oid object)
{
    return object >= FirstNormalObjectId;
}

void add(List **objects, Oid object)
{
    if (is_of_user(object))
        *objects = list_append_unique_oid(*objects, object);
}

void add_operator(KnownObjects *found, Oid number)
{
    if (!OidIsValid(number))
        return;
    add(&found->functions, get_opcode(number));
    for (Oid other : {get_commutator(number), get_negator(number)})
        if (OidIsValid(other)) {
            add(&found->functions, get_opcode(other));
            if (Oid negator = get_negator(other); OidIsValid(negator))
                add(&found->functions, get_opcode(negator));
        }
}

/* Adds a type with its comparison operators and the types it consists of. The column of a join that the query does not
 * use may have a type that has been dropped: PostgreSQL records no dependency for it. */
void add_type(KnownObjects *found, Oid type)
{
    if (!is_of_user(type) || list_member_oid(found->types, type) ||
        !SearchSysCacheExists1(TYPEOID, ObjectIdGetDatum(type)))
        return;
    add(&found->types, type);
    const TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_EQ_OPR | TYPECACHE_LT_OPR | TYPECACHE_GT_OPR);
    for (Oid number : {entry->eq_opr, entry->lt_opr, entry->gt_opr})
        add_operator(found, number);
    for (Oid part : {get_element_type(type), get_array_type(type), getBaseType(type)})
        if (OidIsValid(part))
            add_type(found, part);
}

void add_types(KnownObjects *found, List *types)
{
    ListCell *cell;
    foreach (cell, types)
        add_type(found, lfirst_oid(cell));
}

bool add_function(Oid function, void *context)
{
    add(&static_cast<Found *>(context)->functions, function);
    return false;
}

/* Whether the node is one that calls the functions of a type, or evaluates the CHECK of a domain. */
bool is_coercion(Node *node)
{
    return IsA(node, CoerceToDomain) || IsA(node, CoerceViaIO) || IsA(node, ArrayCoerceExpr) ||
           IsA(node, ConvertRowtypeExpr);
}

bool has_type(Node *node)
{
    return is_coercion(node) || IsA(node, Var) || IsA(node, Const) || IsA(node, Param) || IsA(node, FuncExpr) ||
           IsA(node, OpExpr) || IsA(node, Aggref) || IsA(node, WindowFunc) || IsA(node, RelabelType) ||
           IsA(node, ArrayExpr) || IsA(node, RowExpr) || IsA(node, FieldSelect) || IsA(node, SubscriptingRef) ||
           IsA(node, CaseExpr) || IsA(node, CoalesceExpr) || IsA(node, MinMaxExpr);
}

bool collect(Node *node, void *context)
{
    if (node == nullptr)
        return false;
    auto *found = static_cast<Found *>(context);
    if (IsA(node, Query))
        return walk_calls(castNode(Query, node), collect, context);
    if (found->is_of_text ? is_coercion(node) : has_type(node))
        add_type(found, exprType(node));
    if (IsA(node, SortGroupClause)) {
        add_operator(found, castNode(SortGroupClause, node)->eqop);
        add_operator(found, castNode(SortGroupClause, node)->sortop);
    }
    if (IsA(node, SetOperationStmt) && !found->is_of_text)
        add_types(found, castNode(SetOperationStmt, node)->colTypes);
    (void)check_called_functions(node, add_function, context);
    return walk_expression(node, collect, context);
}

/* Returns the first object that is not known, or InvalidOid. Functions of this extension are known. */
Oid first_unknown(const List *objects, const List *known, bool are_functions)
{
    const ListCell *cell;
    foreach (cell, objects) {
        const Oid object = lfirst_oid(cell);
        if (!list_member_oid(known, object) && !(are_functions && is_of_this_extension(object)))
            return object;
    }
    return InvalidOid;
}

Found objects_of_text(Node *node)
{
    Found found;
    found.is_of_text = true;
    (void)collect(node, &found);
    return found;
}

void require_all(const List *found, const List *known, bool are_functions)
{
    const Oid object = first_unknown(found, known, are_functions);
    if (!OidIsValid(object))
        return;
    ereport(
        ERROR,
        (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
         errmsg("%s \"%s\" is not part of the defining query", are_functions ? "function" : "type",
                are_functions ? get_func_name(object) : format_type_be(object)),
         errdetail("A cast, operator or function created after the stream table was defined is found instead of one "
                   "that the query uses."),
         errhint("Drop it, or use refresh_mode 'FULL'.")));
}

} // namespace

bool is_of_this_extension(Oid function)
{
    return get_func_namespace(function) == get_namespace_oid("pgtrickle", true) &&
           getExtensionOfObject(ProcedureRelationId, function) == get_extension_oid("pg_trickle", true);
}

KnownObjects known_objects_of(const Query *query)
{
    Found found;
    (void)collect(reinterpret_cast<Node *>(const_cast<Query *>(query)), &found);
    return found;
}

void require_known(Node *node, const KnownObjects &known)
{
    const Found found = objects_of_text(node);
    require_all(found.functions, known.functions, true);
    require_all(found.types, known.types, false);
}

bool has_only_known(Node *node, const KnownObjects &known)
{
    const Found found = objects_of_text(node);
    return !OidIsValid(first_unknown(found.functions, known.functions, true)) &&
           !OidIsValid(first_unknown(found.types, known.types, false));
}

} // namespace pgtrickle
