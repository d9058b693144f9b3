#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "catalog/objectaddress.h"
}

namespace pgtrickle::definition {

/* Returns the columns of tables whose values contain values of `type`: columns of the type itself, and of
 * arrays, domains, ranges and composite types of it, at any depth (List of ObjectAddress *). PostgreSQL
 * frame. */
List *columns_holding(Oid type);

/* Returns `type`, and the types whose values contain values of it, at any depth (List of OIDs). PostgreSQL frame. */
List *types_holding(Oid type);

} // namespace pgtrickle::definition
