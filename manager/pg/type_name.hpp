/*
 * Types and collations that printed texts name, looked up without the privileges of the current user.
 *
 * The text of an expression or of a column names its types with their schemas, on which the owner of the
 * stream table may no longer have USAGE: the objects that the query uses were checked when it was defined.
 * PostgreSQL's parser does not look up a TypeName that has its OID, and therefore checks no privilege.
 *
 * All functions are PostgreSQL frames. For a name that does not exist, the parser raises its own error.
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

/* Replaces a name by the OID of its type, array bounds included; its typmods stay. A name without a schema
 * refers to pg_catalog. A TypeName that has its OID, or that is not found, stays as it is; in the latter case
 * the parser raises an error. */
void resolve_type(TypeName *name);
/* Applies resolve_type() to every type named in the raw condition and expressions of an index. Each expression gets the
 * name of its column before, which PostgreSQL may take from the name of a type. */
void resolve_types(IndexStmt *index);

/* Looks up a type as SQL writes it: "pg_catalog.numeric(10,2)", "s.t[]". */
NamedType named_type(const char *text);
/* Looks up a collation as SQL writes it: "pg_catalog.\"C\"". */
Oid named_collation(const char *text);

/* Locks a type, and what it is an array or a domain of, against renaming, to the end of the transaction; and the
 * columns of a composite type, which the text of a query may name. */
void lock_names_of_type(Oid type);

} // namespace pgtrickle
