/*
 * The magic block by which the server recognizes a module; since 18 with the name and the version that
 * pg_get_loaded_modules() shows.
 */
#pragma once

#include "pg/versions/postgres.hpp"

#if PG_VERSION_NUM < 180000
#define PGTRICKLE_MODULE_MAGIC PG_MODULE_MAGIC
#else
#define PGTRICKLE_MODULE_MAGIC PG_MODULE_MAGIC_EXT(.name = "pg_trickle", .version = PGTRICKLE_VERSION)
#endif
