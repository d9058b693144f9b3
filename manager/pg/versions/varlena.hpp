/*
 * Access to values of variable length. PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

/* Up to 15, postgres.h includes these. */
#if PG_VERSION_NUM >= 160000
extern "C" {
#include "varatt.h"
}
#endif
