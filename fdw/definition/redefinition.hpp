/*
 * Existing stream tables whose defining query, or its meaning, is changed by a statement: they are redefined
 * in the statement's transaction, or start from nothing at the next refresh.
 */
#pragma once

#include "definition/query/query.hpp"
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

/* Whether the session has the rights of the relation's owner, as a superuser has; false if it was dropped.
 * PostgreSQL frame. */
bool has_rights_of_owner(Oid relid);
/* Whether the statement is one of the stream table's owner, and may store rows (may_store()). A superuser, or a role
 * that an owner has made a member of itself, must not run the owner's query unasked: it may fail or take long.
 * PostgreSQL frame. */
bool is_owned_by_user(Oid relid);

/* Locks the stream table as a reader does, before its query is looked at; one of another role only if no transaction
 * has to be waited for, because its owner must not delay the statement. Returns whether it is locked. PostgreSQL frame.
 */
bool lock_to_look_at(Oid relid);

/* Redefines the stream table `relid`, if it exists, because a relation that it reads has another meaning, while its own
 * text is the same. Neither works for another role's stream table, whose query may fail or take long, nor locks it: its
 * next refresh sets it up again, and until then it has the rows of the former meaning, as after a function is replaced.
 * Otherwise takes AccessExclusive. C++ frame. */
void redefine_or_mark(Oid relid, const char *reason);

/* A stream table that was redefined and has no rows yet. Where several are redefined, all are before one is filled,
 * because a fill may refresh others. */
struct Redefined {
    Oid relid;
    bool is_to_be_filled;
    std::vector<translate::SourceRef> sources;
};

/* Raises 0A000: the statement would run code of the stream table's owner, which this session must not. */
[[noreturn]] void raise_code_of_owner(Oid relid);

/* Redefine a stream table as redefine() does, but for the rows: by its query, or by another analysis of the text of
 * that, cast to the columns that the stream table has. C++ frames. */
Redefined replace_as_declared(Oid relid);
Redefined replace_by_analysis(Oid relid, const definition::ParsedQuery &parsed);
void fill_redefined(const Redefined &redefined);

/* replace_as_declared() for a stream table whose columns were altered with those of a parent, which the statement names
 * instead. Raises 0A000 if the session must not run its code. C++ frame. */
Redefined replace_child_as_declared(Oid relid);

/* replace_as_declared() and fill_redefined(). C++ frame. */
void redefine_as_declared(Oid relid);

/* Sets up `relid`, whose options exist and whose state row is new, from the options. Fills nothing. The
 * caller holds AccessExclusive. C++ frame. */
void define_restored(Oid relid);

/* Makes the next refresh set the stream table up again, with the text of its query. PostgreSQL frame. */
void mark_for_new_setup(Oid relid, const char *reason);

/* Makes stream tables (List of OIDs) start from nothing at the next refresh. PostgreSQL frame. */
void mark_for_new_start(List *stream_tables, const char *reason);

} // namespace pgtrickle
