/*
 * Functions of PostgreSQL whose argument is a statement or the name of a type: what they run is found at run time only.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "utils/fmgroids.h"
}

namespace pgtrickle {

/* Returns whether the function, one of PostgreSQL's own, is one of these. Looks into no catalog. */
inline bool runs_text(Oid function)
{
    switch (function) {
    case F_QUERY_TO_XML:
    case F_QUERY_TO_XMLSCHEMA:
    case F_QUERY_TO_XML_AND_XMLSCHEMA:
    case F_TABLE_TO_XML:
    case F_TABLE_TO_XMLSCHEMA:
    case F_TABLE_TO_XML_AND_XMLSCHEMA:
    case F_SCHEMA_TO_XML:
    case F_SCHEMA_TO_XMLSCHEMA:
    case F_SCHEMA_TO_XML_AND_XMLSCHEMA:
    case F_DATABASE_TO_XML:
    case F_DATABASE_TO_XMLSCHEMA:
    case F_DATABASE_TO_XML_AND_XMLSCHEMA:
    case F_CURSOR_TO_XML:
    case F_CURSOR_TO_XMLSCHEMA:
    case F_TS_STAT_TEXT:
    case F_TS_STAT_TEXT_TEXT:
    case F_TS_REWRITE_TSQUERY_TEXT:
#if PG_VERSION_NUM >= 160000
    case F_PG_INPUT_IS_VALID:
    case F_PG_INPUT_ERROR_INFO:
#endif
        return true;
    default: return false;
    }
}

} // namespace pgtrickle
