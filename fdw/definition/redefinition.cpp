#include "fdw/definition/redefinition.hpp"

#include "capture/log/log_format.hpp"
#include "definition/definition_view.hpp"
#include "definition/lock_right.hpp"
#include "definition/option_row.hpp"
#include "definition/query/rewritten_query.hpp"
#include "definition/state/state.hpp"
#include "fdw/definition/definition_notices.hpp"
#include "fdw/definition/fill.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/attempt.hpp"
#include "pg/relation_row.hpp"
#include "pg/rights.hpp"
#include "refresh/code/compile_right.hpp"
#include "refresh/code/interpreted_code.hpp"
#include "refresh/request/audience.hpp"
#include "setup/defining_query.hpp"
#include "setup/setup.hpp"

extern "C" {
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
}

namespace pgtrickle {

namespace {

/* Returns whether the current user may read all relations and columns that the query of the stream table
 * reads. */
bool may_be_read(Oid relid)
{
    auto denied = attempt([=] { call([=] { definition::check_read_privileges(definition::query_of(relid)); }); });
    if (denied && denied->sqlstate != ERRCODE_INSUFFICIENT_PRIVILEGE)
        raise(
            {.sqlstate = denied->sqlstate, .message = denied->message, .detail = denied->detail, .hint = denied->hint});
    return !denied;
}

/* Replaces what was set up for the stream table. */
Redefined replace_openly(Oid relid, Query *query, const std::string &text, RefreshMode mode,
                         setup::DeniedCapture denied)
{
    /* Excludes readers and refreshes while the storage is replaced. */
    call([=] {
        LockRelationOid(relid, AccessExclusiveLock);
        capture::refit(relid);
    });
    setup::follow_labels_of_partitions(relid);
    Definition definition = definition::load(relid);
    const bool is_own = call([=] { return has_rights_of_owner(relid); });
    /* The session may be that of the owner of a source, whose privileges on the source alone are sufficient
     * to alter it. */
    AsOwner as_owner(definition.owner, Sharing::custom);
    Redefined redefined{relid, false,
                        setup::plan_maintenance(definition.name, query, text, mode, definition.owner, denied)};
    state::StateRow before;
    const bool was_populated = state::read(relid, &before) && before.is_populated;
    setup::replace_setup(relid, query, redefined.sources);
    /* The manager fills a stream table that was never filled, such as a restored one. The same applies if it is
     * another role's, or its owner has lost the right to read a source, because a fill, which may fail, does not
     * concern the session that alters a source. */
    redefined.is_to_be_filled = was_populated && is_own && may_be_read(relid);
    return redefined;
}

void fill_openly(const Redefined &redefined, setup::DeniedCapture denied)
{
    if (!redefined.is_to_be_filled)
        return;
    AsOwner as_owner(definition::load(redefined.relid).owner, Sharing::custom);
    if (denied == setup::DeniedCapture::is_refused)
        require_no_hold_on_data(redefined.relid);
    setup::capture_sources(redefined.relid, redefined.sources);
    fill(redefined.relid);
    note_missing_indexes(redefined.relid);
}

/* The values of further settings are those of the session if that is the owner's, as where the owner defines a stream
 * table; otherwise those of all sessions, as where a worker sets it up again. */
void record_further_settings(Oid relid, const Query *query)
{
    if (call([=] { return is_owned_by_user(relid); }))
        return setup::record_further_settings(relid, query);
    AsOwner as_owner(call([=] { return owner_of_relation(relid); }), Sharing::all);
    setup::record_further_settings(relid, query);
}

} // namespace

bool has_rights_of_owner(Oid relid)
{
    return has_privs_of_role(GetUserId(), owner_of_relation(relid, true));
}

bool is_owned_by_user(Oid relid)
{
    return statement_user() == owner_of_relation(relid, true) && definition::may_store(relid);
}

bool lock_to_look_at(Oid relid)
{
    if (!is_owned_by_user(relid))
        return ConditionalLockRelationOid(relid, AccessShareLock);
    LockRelationOid(relid, AccessShareLock);
    return true;
}

void redefine(Oid relid, Query *query, const std::string &text, RefreshMode mode, setup::DeniedCapture denied)
{
    refresh::require_right_to_compile(relid);
    refresh::for_stream_table(relid, "redefine",
                              [&] { fill_openly(replace_openly(relid, query, text, mode, denied), denied); });
}

void redefine_or_mark(Oid relid, const char *reason)
{
    if (!call([=] { return is_owned_by_user(relid); }) || !refresh::may_compile_here(relid)) {
        call([=] { mark_for_new_setup(relid, reason); });
        return;
    }
    if (!call([=] { return definition::lock_if_exists(relid, AccessExclusiveLock); }))
        return;
    Query *query = call([=] { return definition::query_of(relid); });
    record_further_settings(relid, query);
    redefine(relid, query, {}, definition::load(relid).mode);
    mailbox::note_definition_change();
}

namespace {

/* Replaces what was set up by the query that make() returns: it runs as the owner, in a PostgreSQL frame. */
template <class Make> Redefined replace_by(Oid relid, Make make)
{
    refresh::require_right_to_compile(relid);
    Redefined redefined;
    refresh::for_stream_table(relid, "redefine", [&] {
        const Definition definition = definition::load(relid);
        Query *query;
        {
            AsOwner as_owner(definition.owner, Sharing::custom);
            query = call([&] { return make(); });
            call([=] { write_option(relid, "query", definition::canonical_text(query), DEFELEM_SET); });
        }
        record_further_settings(relid, query);
        redefined =
            replace_openly(relid, query, definition.original_query, definition.mode, setup::DeniedCapture::is_noted);
    });
    mailbox::note_definition_change();
    return redefined;
}

} // namespace

Redefined replace_as_declared(Oid relid)
{
    return replace_by(relid, [=] {
        definition::ParsedQuery parsed = {definition::query_of(relid), NIL};
        definition::remove_dropped_columns(parsed.query);
        return setup::fit_to_declared(relid, parsed);
    });
}

void raise_code_of_owner(Oid relid)
{
    raise({.sqlstate = ERRCODE_FEATURE_NOT_SUPPORTED,
           .message = "cannot alter the type of a column with which that of stream table " +
                      std::string(call([=] { return definition::qualified_name(relid); })) + " changes",
           .detail = "Its query, or what belongs to it, may run code of its owner, which this session must not.",
           .hint = "Let its owner drop the stream table, or detach it, alter the column, and create it again."});
}

Redefined replace_child_as_declared(Oid relid)
{
    if (!refresh::may_compile_here(relid))
        raise_code_of_owner(relid);
    return replace_as_declared(relid);
}

Redefined replace_by_analysis(Oid relid, const definition::ParsedQuery &parsed)
{
    return replace_by(relid, [&] { return setup::fit_to_declared(relid, parsed); });
}

void fill_redefined(const Redefined &redefined)
{
    refresh::require_right_to_compile(redefined.relid);
    refresh::for_stream_table(redefined.relid, "redefine",
                              [&] { fill_openly(redefined, setup::DeniedCapture::is_noted); });
}

void redefine_as_declared(Oid relid)
{
    fill_redefined(replace_as_declared(relid));
}

void define_restored(Oid relid)
{
    const refresh::AskedFor asked(relid);
    Definition definition = definition::load(relid);
    AsOwner as_owner(definition.owner, Sharing::custom);
    definition::ParsedQuery parsed = setup::parse_defining_query(definition, true, relid);
    redefine(relid, call([&] { return setup::fit_to_declared(relid, parsed); }), {}, definition.mode,
             setup::DeniedCapture::is_accepted);
}

void mark_for_new_setup(Oid relid, const char *reason)
{
    state::mark_needs_setup(relid, reason);
    mailbox::note_change(relid);
}

void mark_for_new_start(List *stream_tables, const char *reason)
{
    ListCell *cell;
    foreach (cell, stream_tables) {
        state::mark_needs_reinit(lfirst_oid(cell), reason);
        mailbox::note_change(lfirst_oid(cell));
    }
}

} // namespace pgtrickle
