/*
 * What happens when objects go away or change under us, however that comes about: by DROP,
 * DROP OWNED, DROP SCHEMA … CASCADE, DROP EXTENSION … CASCADE.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle {

/* Installs the object access hook; called once, by register_ddl. */
void register_drop();

} // namespace pgtrickle
