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
    using pgtrickle::engine::Kind;
    static const std::map<std::string, Kind> kinds = {
        {"int4", Kind::int4},       {"integer", Kind::int4},  {"int8", Kind::int8},   {"bigint", Kind::int8},
        {"numeric", Kind::numeric}, {"float8", Kind::float8}, {"money", Kind::money}, {"interval", Kind::interval}};
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
    if (column.kind == Kind::numeric && column.has_modifier)
        column.scale = comma == std::string::npos ? 0 : std::stoi(type.substr(comma + 1));
    return column;
}
