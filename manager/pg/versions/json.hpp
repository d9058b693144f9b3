/*
 * SQL/JSON: constructors, JSON_ARRAYAGG and JSON_OBJECTAGG, since 16; JSON_VALUE, JSON_QUERY, JSON_EXISTS and
 * JSON_TABLE, since 17. PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"
#include "pg/versions/walkers.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "nodes/primnodes.h"
#include "utils/fmgrprotos.h"
#if PG_VERSION_NUM >= 170000
#include "utils/jsonpath.h"
#endif
}

namespace pgtrickle {

/* The work of an SQL/JSON node that calls no function of the catalog. */
struct JsonWork {
    List *printed = NIL;     /* expressions whose values are printed as JSON */
    Oid read = InvalidOid;   /* the type as which a text is read */
    bool is_on_path = false; /* whether it evaluates a jsonpath, with the session's time zone */
    /* Whether the path may compare times of a day with and without a time zone, by the offset of the current day. */
    bool mixes_times = false;
};

#if PG_VERSION_NUM >= 170000
inline bool are_times_of_day(List *values)
{
    ListCell *cell;
    foreach (cell, values) {
        const Oid type = exprType(static_cast<const ::Node *>(lfirst(cell)));
        if (type == TIMEOID || type == TIMETZOID)
            return true;
    }
    return false;
}

/* `names` and `values`: those of PASSING. A path that uses the session's time zone in any way is mutable. The methods
 * date(), time(), timestamp() and timestamp_tz() do so by the date of the value. */
inline bool mixes_times(const ::Node *path, List *names, List *values)
{
    if (path == nullptr || !IsA(path, Const))
        return true;
    const auto *constant = reinterpret_cast<const Const *>(path);
    if (constant->constisnull || !jspIsMutable(DatumGetJsonPathP(constant->constvalue), names, values))
        return false;
    const char *text = DatumGetCString(DirectFunctionCall1(jsonpath_out, constant->constvalue));
    return strstr(text, ".datetime(") != nullptr || strstr(text, ".time_tz(") != nullptr || are_times_of_day(values);
}

/* Whether mixes_times() is true of a path of a plan of JSON_TABLE. */
inline bool paths_mix_times(const ::Node *plan, List *names, List *values)
{
    if (plan == nullptr)
        return false;
    if (IsA(plan, JsonTableSiblingJoin)) {
        const auto *join = reinterpret_cast<const JsonTableSiblingJoin *>(plan);
        return paths_mix_times(reinterpret_cast<const ::Node *>(join->lplan), names, values) ||
               paths_mix_times(reinterpret_cast<const ::Node *>(join->rplan), names, values);
    }
    const auto *scan = reinterpret_cast<const JsonTablePathScan *>(plan);
    return mixes_times(reinterpret_cast<const ::Node *>(scan->path->value), names, values) ||
           paths_mix_times(reinterpret_cast<const ::Node *>(scan->child), names, values);
}
#endif

inline JsonWork json_work([[maybe_unused]] const ::Node *node)
{
    JsonWork work;
#if PG_VERSION_NUM >= 160000
    if (IsA(node, JsonConstructorExpr))
        work.printed = reinterpret_cast<const JsonConstructorExpr *>(node)->args;
#endif
#if PG_VERSION_NUM >= 170000
    if (IsA(node, JsonExpr)) {
        const auto *json = reinterpret_cast<const JsonExpr *>(node);
        work.is_on_path = true;
        work.read = json->op == JSON_EXISTS_OP || json->returning == nullptr ? InvalidOid : json->returning->typid;
        work.mixes_times = mixes_times(json->path_spec, json->passing_names, json->passing_values);
    }
    if (IsA(node, TableFunc) && reinterpret_cast<const TableFunc *>(node)->functype == TFT_JSON_TABLE) {
        const auto *table = reinterpret_cast<const TableFunc *>(node);
        List *names = castNode(JsonExpr, table->docexpr)->passing_names;
        work.mixes_times = paths_mix_times(table->plan, names, table->passingvalexprs);
    }
#endif
    return work;
}

#if PG_VERSION_NUM >= 160000
inline ::Node *put_in_place_of_test(::Node *node, void *value)
{
    if (node != nullptr && IsA(node, CaseTestExpr))
        return static_cast<::Node *>(value);
    return expression_tree_mutator(node, for_core(put_in_place_of_test), value);
}

inline ::Node *normalize_json_of(::Node *node, void *context)
{
    if (node == nullptr)
        return nullptr;
    if (IsA(node, TableFunc)) /* JSON_TABLE contains JsonExpr nodes of its own */
        return static_cast<::Node *>(copyObjectImpl(node));
    if (IsA(node, Query))
        return reinterpret_cast<::Node *>(
            query_tree_mutator(castNode(Query, node), for_core(normalize_json_of), context, 0));
    if (IsA(node, JsonConstructorExpr) && (castNode(JsonConstructorExpr, node)->type == JSCTOR_JSON_ARRAYAGG ||
                                           castNode(JsonConstructorExpr, node)->type == JSCTOR_JSON_OBJECTAGG)) {
        const auto *constructor = castNode(JsonConstructorExpr, node);
        auto *call = normalize_json_of(reinterpret_cast<::Node *>(constructor->func), context);
        auto *coercion = reinterpret_cast<::Node *>(constructor->coercion);
        return coercion == nullptr ? call : put_in_place_of_test(coercion, call);
    }
    ::Node *result = expression_tree_mutator(node, for_core(normalize_json_of), context);
#if PG_VERSION_NUM >= 170000
    if (IsA(result, JsonExpr) && castNode(JsonExpr, result)->op == JSON_QUERY_OP) {
        auto *returning = static_cast<JsonReturning *>(copyObjectImpl(castNode(JsonExpr, result)->returning));
        if (returning->format != nullptr && returning->format->format_type == JS_FORMAT_DEFAULT)
            returning->format->format_type = returning->typid == JSONBOID ? JS_FORMAT_JSONB : JS_FORMAT_JSON;
        castNode(JsonExpr, result)->returning = returning;
    }
#endif
    return result;
}
#endif

/* Returns the query with JSON_ARRAYAGG and JSON_OBJECTAGG as plain aggregate calls, and with the FORMAT of
 * JSON_QUERY's RETURNING made explicit, as it is after printing and parsing. */
inline Query *normalize_json(Query *query)
{
#if PG_VERSION_NUM < 160000
    return query;
#else
    return castNode(Query, normalize_json_of(reinterpret_cast<::Node *>(query), nullptr));
#endif
}

/* Returns the place in a raw node that holds a jsonpath as a literal without a type; null for any other
 * node. */
inline ::Node **json_path_of([[maybe_unused]] ::Node *node)
{
#if PG_VERSION_NUM >= 170000
    if (IsA(node, JsonFuncExpr))
        return &castNode(JsonFuncExpr, node)->pathspec;
    if (IsA(node, JsonTablePathSpec))
        return &castNode(JsonTablePathSpec, node)->string;
#endif
    return nullptr;
}

} // namespace pgtrickle
