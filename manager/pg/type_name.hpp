/*
 * Types and collations named in texts of ours, looked up without the privileges of the current user.
 *
 * The text of an expression or of a column names its types with their schemas, on which the owner of the stream table need
 * not have USAGE (any more): what the query uses was checked when it was defined. A TypeName that has its OID is not looked
 * up by PostgreSQL's parser, so it asks for no privilege.
 *
 * All functions are PostgreSQL frames. A name that means nothing is the parser's own error.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle {

struct NamedType {
    Oid type;
    int32 typmod;
};

/* Turns a name into the OID it means, its array bounds included; its typmods stay. A name without a schema is one of pg_catalog.
 * Leaves alone what has its OID or is not found, which is an error of the parser's. */
void resolve_type(TypeName *name);
/* The same for every type named in a raw parse tree. */
void resolve_types(::Node *raw);

/* A type as SQL writes it: "pg_catalog.numeric(10,2)", "s.t[]". */
NamedType named_type(const char *text);
/* "pg_catalog.\"C\"" */
Oid named_collation(const char *text);

} // namespace pgtrickle
