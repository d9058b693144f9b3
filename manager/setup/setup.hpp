/*
 * Sets up what maintains a stream table, by its definition: the internal view, the dependencies, the state
 * row, the heaps, and the capture of its sources.
 *
 * Setting up neither reads a source nor writes a row of the stream table: the stream table is empty and
 * unpopulated afterwards, and a refresh fills it (refresh/refresh.hpp). A fill needs captured sources:
 * capture_sources() comes before it, in the same transaction or, from the refresh, in a later one.
 *
 * C++ frames; they throw PgError.
 */
#pragma once

#include "definition/definition.hpp"
#include "translate/translate.hpp"

namespace pgtrickle::setup {

/* Sets up the stream table `relid`, whose foreign table this transaction has created, for `query`; `sources`
 * are those of plan_maintenance(). Its heaps lie in `tablespace`; InvalidOid for that of the database. */
void set_up(Oid relid, Query *query, const std::vector<translate::SourceRef> &sources, Oid tablespace);

/* As set_up(), for the successor of `relid` (setup/successor.hpp). */
void set_up_successor(Oid successor, Query *query, const std::vector<translate::SourceRef> &sources, Oid relid);

/* Replaces all that was set up for `relid` by what `query` needs, and ends the capture of sources that it no
 * longer needs. The dependents start from nothing at their next refresh. A suspended stream table stays
 * suspended. Raises 42P15 if `sources` close a cycle. The caller holds AccessExclusive. */
void replace_setup(Oid relid, Query *query, const std::vector<translate::SourceRef> &sources);

/* Calls replace_setup() with the present query of the stream table, because it is marked for that, or its heaps are no
 * longer those that the query needs. Takes AccessExclusive, and acts as the owner. */
void rebuild_storage(Oid relid);

/* Writes the labels of an enumeration by which the storage of `relid` is partitioned into the option `partition_by`, as
 * they are now. The caller excludes others that write the options. */
void follow_labels_of_partitions(Oid relid);

/* Starts logging the changes of those of `sources` that are to be captured for `relid`. Waits for their
 * writers, and holds locks to the end of the transaction, as capture/installer.hpp says. */
void capture_sources(Oid relid, const std::vector<translate::SourceRef> &sources);

} // namespace pgtrickle::setup
