/*
 * Access to values of variable length. PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

/* Until 15, postgres.h has it. */
#if PG_VERSION_NUM >= 160000
extern "C" {
#include "varatt.h"
}
#endif
