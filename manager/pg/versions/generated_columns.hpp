/*
 * Generated columns: since 17 their expressions can be altered, since 18 there are virtual ones, which are
 * not stored. PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "access/relation.h"
#include "catalog/pg_attribute.h"
#include "nodes/parsenodes.h"
#include "rewrite/rewriteHandler.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle {

inline bool is_virtual([[maybe_unused]] const FormData_pg_attribute *column)
{
#if PG_VERSION_NUM < 180000
    return false;
#else
    return column->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL;
#endif
}

/* Returns the expression of a virtual column of a relation that is locked, over the columns of entry `number`
 * of a range table; null for any other column. */
inline ::Node *virtual_expression([[maybe_unused]] Oid relid, [[maybe_unused]] AttrNumber column,
                                  [[maybe_unused]] int number)
{
#if PG_VERSION_NUM < 180000
    return nullptr;
#else
    if (column <= 0 || get_attgenerated(relid, column) != ATTRIBUTE_GENERATED_VIRTUAL)
        return nullptr;
    Relation relation = relation_open(relid, NoLock);
    ::Node *expression = build_generation_expression(relation, column);
    relation_close(relation, NoLock);
    ChangeVarNodes(expression, 1, number, 0);
    return expression;
#endif
}

/* Whether the column is computed when it is read. */
inline bool is_virtual_column([[maybe_unused]] Oid relid, [[maybe_unused]] AttrNumber column)
{
#if PG_VERSION_NUM < 180000
    return false;
#else
    return column > 0 && get_attgenerated(relid, column) == ATTRIBUTE_GENERATED_VIRTUAL;
#endif
}

/* Whether the command changes the expression of a generated column. */
inline bool sets_expression([[maybe_unused]] const AlterTableCmd *command)
{
#if PG_VERSION_NUM < 170000
    return false;
#else
    return command->subtype == AT_SetExpression;
#endif
}

/* Whether the command changes the expression of a virtual column, which rewrites no row. */
inline bool sets_virtual_expression([[maybe_unused]] Oid relid, [[maybe_unused]] const AlterTableCmd *command)
{
#if PG_VERSION_NUM < 180000
    return false;
#else
    if (!sets_expression(command))
        return false;
    return is_virtual_column(relid, get_attnum(relid, command->name));
#endif
}

} // namespace pgtrickle
