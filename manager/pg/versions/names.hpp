/*
 * Names and types as SQL writes them. PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "parser/parse_type.h"
#include "utils/regproc.h"
}

namespace pgtrickle {

/* Parses a qualified name. Raises 42602 if the text is not one. */
inline List *parse_qualified_name(const char *text)
{
#if PG_VERSION_NUM < 160000
    return stringToQualifiedNameList(text);
#else
    return stringToQualifiedNameList(text, nullptr);
#endif
}

/* Parses a type as SQL writes it, without looking it up. */
inline TypeName *parse_type_name(const char *text)
{
#if PG_VERSION_NUM < 160000
    return typeStringToTypeName(text);
#else
    return typeStringToTypeName(text, nullptr);
#endif
}

} // namespace pgtrickle
