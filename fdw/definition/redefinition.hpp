/*
 * Existing stream tables whose defining query, or its meaning, is changed by a statement: they are redefined
 * in the statement's transaction, or start from nothing at the next refresh.
 */
#pragma once

#include "scheduler/cost/refresh_mode.hpp"
#include "setup/maintenance.hpp"

namespace pgtrickle {

/* Redefines the stream table `relid` by `query`, which was parsed from `text` (empty if unknown). The
 * internal view, the dependencies, the heaps and the capture are replaced. The stream table is filled if it was
 * filled before, the session has the owner's rights, and the owner may still read everything that the query reads;
 * otherwise the manager fills it. Takes AccessExclusive,
 * and acts as the owner. Raises the errors of plan_maintenance() and of a refresh, without texts that the
 * session may not see (refresh/request/audience.hpp). C++ frame. */
void redefine(Oid relid, Query *query, const std::string &text, RefreshMode mode,
              setup::DeniedCapture denied = setup::DeniedCapture::is_noted);

/* Whether the session has the rights of the stream table's owner; false if it was dropped. PostgreSQL frame. */
bool has_rights_of_owner(Oid relid);

/* Redefines the stream table `relid`, if it exists, because a relation that it reads has another meaning, while its own
 * text is the same. Neither works for another role's stream table, whose query may fail or take long, nor locks it: its
 * next refresh sets it up again, and until then it has the rows of the former meaning, as after a function is replaced.
 * Otherwise takes AccessExclusive. C++ frame. */
void redefine_or_mark(Oid relid, const char *reason);

/* Calls redefine() with the query of the stream table, cast to the columns that the stream table has. C++
 * frame. */
void redefine_as_declared(Oid relid);

/* A stream table that was redefined and has no rows yet. */
struct Redefined {
    Oid relid;
    bool is_to_be_filled;
    std::vector<translate::SourceRef> sources;
};

/* Redefines the stream table by its query, analyzed again from its text: the tree that is stored does not fit the
 * columns that it reads any more. The stream table has the columns that it returns. fill_redefined() comes when all
 * have been redefined, because a fill may refresh others. Takes AccessExclusive. C++ frames. */
Redefined redefine_from_text(Oid relid);
void fill_redefined(const Redefined &redefined);

/* Sets up `relid`, whose options exist and whose state row is new, from the options. Fills nothing. The
 * caller holds AccessExclusive. C++ frame. */
void define_restored(Oid relid);

/* Makes stream tables (List of OIDs) start from nothing at the next refresh. PostgreSQL frame. */
void mark_for_new_start(List *stream_tables, const char *reason);

} // namespace pgtrickle
