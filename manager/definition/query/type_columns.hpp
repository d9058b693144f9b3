#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "catalog/objectaddress.h"
}

namespace pgtrickle::definition {

/* The columns of tables whose values contain values of `type`: of the type itself, of arrays,
 * domains, ranges and composite types of it, at any depth. A List of ObjectAddress *. A PostgreSQL frame. */
List *columns_holding(Oid type);

} // namespace pgtrickle::definition
