#include "definition/query/unrecorded_objects.hpp"

#include "pg/walker.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_cast.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_ts_config.h"
#include "catalog/pg_ts_dict.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
}

namespace pgtrickle::definition {

namespace {

/* Adds an object that exists and is not built in. */
void add(ObjectAddresses *found, Oid class_id, Oid object_id)
{
    const int cache = is_objectclass_supported(class_id) ? get_object_catcache_oid(class_id) : -1;
    if (object_id < FirstUnpinnedObjectId ||
        (cache != -1 && !SearchSysCacheExists1(cache, ObjectIdGetDatum(object_id))))
        return;
    ObjectAddress address;
    ObjectAddressSet(address, class_id, object_id);
    add_exact_object_address(&address, found);
}

/* Adds a function, with the types that its printed name contains. */
void add_function(ObjectAddresses *found, Oid function)
{
    add(found, ProcedureRelationId, function);
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple))
        return;
    const oidvector &arguments = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple))->proargtypes;
    for (int i = 0; i < arguments.dim1; i++)
        add(found, TypeRelationId, arguments.values[i]);
    ReleaseSysCache(tuple);
}

void add_operator(ObjectAddresses *found, Oid operator_oid)
{
    Oid left, right;
    add(found, OperatorRelationId, operator_oid);
    op_input_types(operator_oid, &left, &right);
    add(found, TypeRelationId, left);
    add(found, TypeRelationId, right);
}

void add_named_by(ObjectAddresses *found, Oid type, Datum value);

void add_named_by_elements(ObjectAddresses *found, Oid element, Datum value)
{
    int16 length;
    bool is_by_value;
    char alignment;
    Datum *elements;
    bool *nulls;
    int count;
    get_typlenbyvalalign(element, &length, &is_by_value, &alignment);
    deconstruct_array(DatumGetArrayTypeP(value), element, length, is_by_value, alignment, &elements, &nulls, &count);
    for (int i = 0; i < count; i++)
        if (!nulls[i])
            add_named_by(found, element, elements[i]);
}

void add_named_by_columns(ObjectAddresses *found, Datum value)
{
    HeapTupleHeader row = DatumGetHeapTupleHeader(value);
    HeapTupleData tuple = {};
    tuple.t_len = HeapTupleHeaderGetDatumLength(row);
    tuple.t_data = row;
    TupleDesc columns = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(row), HeapTupleHeaderGetTypMod(row));
    for (int i = 0; i < columns->natts; i++) {
        bool is_null;
        const Datum column = heap_getattr(&tuple, i + 1, columns, &is_null);
        if (!is_null && !TupleDescAttr(columns, i)->attisdropped)
            add_named_by(found, TupleDescAttr(columns, i)->atttypid, column);
    }
    ReleaseTupleDesc(columns);
}

/* Adds what a value of the type names. PostgreSQL knows those of plain constants, but for types of arguments. */
void add_named_by(ObjectAddresses *found, Oid type, Datum value)
{
    const Oid base = getBaseType(type);
    const Oid object = DatumGetObjectId(value);
    switch (base) {
    case REGPROCOID:
    case REGPROCEDUREOID: return add_function(found, object);
    case REGOPEROID:
    case REGOPERATOROID: return OidIsValid(get_opcode(object)) ? add_operator(found, object) : void();
    case REGCLASSOID: return add(found, RelationRelationId, object);
    case REGTYPEOID: return add(found, TypeRelationId, object);
    case REGCOLLATIONOID: return add(found, CollationRelationId, object);
    case REGCONFIGOID: return add(found, TSConfigRelationId, object);
    case REGDICTIONARYOID: return add(found, TSDictionaryRelationId, object);
    case REGNAMESPACEOID: return add(found, NamespaceRelationId, object);
    default: break;
    }
    if (type_is_rowtype(base))
        add_named_by_columns(found, value);
    else if (const Oid element = get_element_type(base); OidIsValid(element))
        add_named_by_elements(found, element, value);
}

Oid printed_type(const ::Node *node)
{
    if (IsA(node, ArrayExpr))
        return reinterpret_cast<const ArrayExpr *>(node)->array_typeid;
    if (IsA(node, FuncExpr) && reinterpret_cast<const FuncExpr *>(node)->funcformat == COERCE_EXPLICIT_CAST)
        return reinterpret_cast<const FuncExpr *>(node)->funcresulttype;
    return InvalidOid;
}

::Node *cast_value(::Node *node)
{
    if (IsA(node, FuncExpr))
        return static_cast<::Node *>(linitial(castNode(FuncExpr, node)->args));
    if (IsA(node, RelabelType))
        return reinterpret_cast<::Node *>(castNode(RelabelType, node)->arg);
    return IsA(node, CoerceViaIO) ? reinterpret_cast<::Node *>(castNode(CoerceViaIO, node)->arg) : nullptr;
}

bool add_called(Oid function, void *found)
{
    add(static_cast<ObjectAddresses *>(found), ProcedureRelationId, function);
    return false;
}

/* `node` is part of a conversion that a set operation does. */
bool collect_cast(::Node *node, void *context)
{
    if (node == nullptr)
        return false;
    auto *found = static_cast<ObjectAddresses *>(context);
    (void)check_functions_in_node(node, add_called, found);
    if (::Node *value = cast_value(node); value != nullptr)
        add(found, CastRelationId, get_cast_oid(getBaseType(exprType(value)), exprType(node), true));
    return walk_expression(node, collect_cast, context);
}

bool collect(::Node *node, void *context)
{
    if (node == nullptr)
        return false;
    auto *found = static_cast<ObjectAddresses *>(context);
    if (IsA(node, Query)) {
        auto *query = castNode(Query, node);
        (void)walk_expression(reinterpret_cast<::Node *>(set_operation_casts(query)), collect_cast, found);
        return walk_query(query, collect, context, 0);
    }
    add(found, TypeRelationId, printed_type(node));
    if (IsA(node, Const) && !castNode(Const, node)->constisnull)
        add_named_by(found, castNode(Const, node)->consttype, castNode(Const, node)->constvalue);
    return walk_expression(node, collect, context);
}

} // namespace

void depend_on_unrecorded(Oid rule, const Query *query, Oid configuration)
{
    ObjectAddresses *found = new_object_addresses();
    add(found, TSConfigRelationId, configuration);
    (void)collect(reinterpret_cast<::Node *>(const_cast<Query *>(query)), found);
    ObjectAddress referencing;
    ObjectAddressSet(referencing, RewriteRelationId, rule);
    record_object_address_dependencies(&referencing, found, DEPENDENCY_NORMAL);
    free_object_addresses(found);
}

} // namespace pgtrickle::definition
