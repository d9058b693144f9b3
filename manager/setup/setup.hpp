/*
 * From the definition of a stream table to what keeps it: the internal view, the dependencies, the state row, the heaps, and capture
 * of its sources.
 *
 * Setting up neither reads a source nor writes a row of the stream table: it is empty and unpopulated afterwards, and a refresh fills
 * it (refresh/refresh.hpp). A fill needs captured sources: capture_sources() comes before it, in the same transaction or, from the
 * refresh, in a later one.
 *
 * C++ frames; they throw PgError.
 */
#pragma once

#include "definition/definition.hpp"
#include "translate/translate.hpp"

namespace pgtrickle::setup {

/* Sets up the stream table `relid`, whose foreign table this transaction has created, for `query`; `sources` are those of
 * plan_maintenance(). */
void set_up(Oid relid, Query *query, const std::vector<translate::SourceRef> &sources);

/* Replaces all that was set up for `relid` by what `query` needs, and ends the capture of sources that it no longer needs. Stream
 * tables that read it start from nothing at their next refresh. A suspended stream table stays suspended. Raises 42P15 if `sources`
 * close a cycle. The caller holds AccessExclusive. */
void replace_setup(Oid relid, Query *query, const std::vector<translate::SourceRef> &sources);

/* replace_setup() for the query that the stream table has, because its heaps are no longer those that the query needs. Takes
 * AccessExclusive, and acts as the owner. */
void rebuild_storage(Oid relid);

/* Logs changes of the captured ones of `sources` for `relid` from now on. Waits for their writers, and holds locks to the end of the
 * transaction, as capture/installer.hpp says. */
void capture_sources(Oid relid, const std::vector<translate::SourceRef> &sources);

} // namespace pgtrickle::setup
