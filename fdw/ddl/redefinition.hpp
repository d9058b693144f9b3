/*
 * Stream tables that are there already, and whose defining query, or the meaning of it, is another one after a statement: they are
 * defined again in the statement's transaction, or start from nothing at the next refresh.
 */
#pragma once

#include "setup/maintenance.hpp"

namespace pgtrickle {

/* Defines the stream table `relid` by `query`, which was made of `text` (empty: unknown): the internal view, the dependencies, the
 * heaps and capture follow, and it is filled if it was filled before and its owner may still read what the query reads. Takes
 * AccessExclusive, and acts as the owner. Raises what plan_maintenance() and a refresh raise, without texts that the session may
 * not see (refresh/request/audience.hpp). C++ frame. */
void redefine(Oid relid, Query *query, const std::string &text, RefreshMode mode,
              setup::DeniedCapture denied = setup::DeniedCapture::is_noted);

/* redefine() by its query cast to the columns that it has. C++ frame. */
void redefine_as_declared(Oid relid);

/* Sets up `relid`, whose options are there and whose state row is new, from the options. Fills nothing. The caller holds
 * AccessExclusive. C++ frame. */
void define_restored(Oid relid);

/* Stream tables, a List of OIDs, start from nothing at the next refresh. PostgreSQL frame. */
void mark_for_new_start(List *stream_tables, const char *reason);

} // namespace pgtrickle
