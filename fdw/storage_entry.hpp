/*
 * The storage as an entry of a range table, for queries that read it in place of its
 * stream table. The storage must be locked. PostgreSQL frames.
 */
#pragma once

#include "fdw/serving.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle {

/* Appended to the range table of `query`. `alias` is what EXPLAIN calls it. With ACL_SELECT as `permissions` the executor checks
 * them as the storage's owner; the planner uses the owner's right to its statistics in any
 * case. */
RangeTblEntry *add_storage_entry(Query *query, const Serving *serving, const char *alias, AclMode permissions);

/* A reference to a column of the storage, which is entry `entry_number` of its query. */
Var *storage_column(const RangeTblEntry *entry, Index entry_number, AttrNumber column);

} // namespace pgtrickle
