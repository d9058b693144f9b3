/*
 * PostgreSQL's headers, as C++ sees them.
 *
 * Every file that uses PostgreSQL includes this header first and no PostgreSQL header before it; further
 * PostgreSQL headers follow between `extern "C" {` and `}`. Files in engine/ and scheduler/ must not include
 * it at all: the macro PGTRICKLE_POSTGRES lets them assert that.
 */
#pragma once

#define PGTRICKLE_POSTGRES 1

extern "C" {
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/elog.h"
#include "utils/memutils.h"
#include "utils/palloc.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
}

/* Rows of catalogs are changed under locks that these releases have first. */
#if PG_VERSION_NUM < 150009 || (PG_VERSION_NUM >= 160000 && PG_VERSION_NUM < 160005) || PG_VERSION_NUM == 170000
#error "pg_trickle requires PostgreSQL 15.9, 16.5, 17.1, 18 or a later minor release of these"
#endif

/* PostgreSQL's port layer redefines names that the C++ library declares. */
#undef printf
#undef fprintf
#undef vprintf
#undef vfprintf
#undef sprintf
#undef vsprintf
#undef snprintf
#undef vsnprintf
#undef strerror
#undef strerror_r
#undef gettext
#undef dgettext
#undef ngettext
#undef dngettext
#undef Min
#undef Max
#undef Abs
#undef foreach_ptr
