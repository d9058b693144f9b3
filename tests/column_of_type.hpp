/*
 * Columns for tests of the engine, from the names of types as SQL has them: what translate/ makes of a type's OID and
 * modifier.
 */
#pragma once

#include "engine/plan/expression.hpp"

#include <map>
#include <string>

inline pgtrickle::engine::Column column_of_type(const std::string &name, const std::string &type)
{
    using pgtrickle::engine::TypeKind;
    static const std::map<std::string, TypeKind> kinds = {
        {"int4", TypeKind::int4},   {"integer", TypeKind::int4},     {"int8", TypeKind::int8},
        {"bigint", TypeKind::int8}, {"numeric", TypeKind::numeric},  {"float8", TypeKind::float8},
        {"money", TypeKind::money}, {"interval", TypeKind::interval}};
    pgtrickle::engine::Column column;
    column.name = name;
    column.type = type;
    const std::string prefix = "pg_catalog.";
    const size_t open = type.find('('), comma = type.find(',');
    const std::string plain = type.substr(0, open);
    const auto found = kinds.find(plain.starts_with(prefix) ? plain.substr(prefix.size()) : plain);
    if (found != kinds.end())
        column.kind = found->second;
    column.has_modifier = open != std::string::npos;
    if (column.kind == TypeKind::numeric && column.has_modifier)
        column.scale = comma == std::string::npos ? 0 : std::stoi(type.substr(comma + 1));
    return column;
}
