/*
 * The columns that hold values of a type, found by following pg_depend upwards: a column depends on its type; a domain,
 * array or range depends on the type on which it is based; and a composite type is a relation whose columns depend on
 * their types.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "catalog/objectaddress.h"
}

namespace pgtrickle::definition {

struct Holders {
    List *columns; /* of tables and composite types (ObjectAddress *) */
    List *types;   /* OIDs; the type itself is the first */
};

/* Returns what has values that contain values of `type`: the type, arrays, domains, ranges and composite types of it,
 * at any depth, and columns of these types. PostgreSQL frame. */
Holders holders_of(Oid type);

} // namespace pgtrickle::definition
