/*
 * ALTER (FOREIGN) TABLE on a stream table or on a table that one reads.
 */
#pragma once

#include "definition/definition.hpp"
#include "fdw/ddl/create.hpp"
#include "fdw/ddl/utility_call.hpp"

namespace pgtrickle {

/* Whether the AlterTableStmt concerns us. Cheap; takes no lock. PostgreSQL frame. */
bool is_our_alter(const AlterTableStmt *statement);

/* Carries it out. C++ frame. */
void alter_table(const UtilityCall &call);

/* The stream table `relid` is to be defined by `query`, which was made of `text` (empty: unknown):
 * internal view, dependencies, storage and capture follow, and it is filled anew if it was filled. C++ frame. */
void redefine(Oid relid, Query *query, const std::string &text, RefreshMode mode,
              DeniedCapture denied = DeniedCapture::is_noted);

/* redefine() by its query cast to the columns that it has. C++ frame. */
void redefine_as_declared(Oid relid);

/* Its heaps are no longer those that its query needs: they are made anew, and not filled. C++ frame. */
void lay_out_anew(Oid relid);

/* Makes all that is kept of `relid`, whose options are there and whose state row is new, from the options. Nothing is filled.
 * The caller holds AccessExclusive. C++ frame. */
void define_restored(Oid relid);

} // namespace pgtrickle
