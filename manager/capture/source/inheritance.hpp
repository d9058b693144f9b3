/*
 * The relations around a source: its partitions or inheritance children, and what it is a partition or child of.
 * PostgreSQL frames; lists live in the current memory context.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/pg_list.h"
#include "storage/lockdefs.h"
}

namespace pgtrickle::capture {

/* The relations whose statements change `relid`: itself, what lies below it, and what lies above any
 * of these. The caller locks none; all are locked in `mode`, from the root down. */
List *related_relations(Oid relid, LOCKMODE mode);
/* `relid` and what inherits from it, at any depth. */
List *tree_of(Oid relid, LOCKMODE mode);
/* `relid`'s parents and theirs, nearest first, each once; a partition being detached has none. */
List *ancestors_of(Oid relid);

} // namespace pgtrickle::capture
