/*
 * A session that commits a prepared transaction knows only its name. So a transaction that changes
 * definitions invalidates the refresh sets before PREPARE, whether or not they change. PostgreSQL stores the
 * invalidation with the transaction, also over a restart, and sends it after COMMIT PREPARED to all sessions,
 * including the one that commits. ROLLBACK PREPARED sends nothing, so the session announces a change each time.
 */
#include "fdw/ddl/commit_prepared.hpp"

#include "definition/state/state.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/relation_listeners.hpp"

extern "C" {
#include "access/xact.h"
#include "utils/inval.h"
}

namespace pgtrickle {

namespace {

Oid awaited = InvalidOid; /* OID of pgt_dependency */
bool has_come = false;

void note_invalidated(Oid relation)
{
    has_come = has_come || relation == InvalidOid || relation == awaited;
}

} // namespace

void announce_before_prepare(XactEvent event)
{
    if (event == XACT_EVENT_PRE_PREPARE && mailbox::has_definition_change())
        state::invalidate_refresh_sets();
}

void commit_prepared(const UserStatement &utility)
{
    call([&] {
        awaited = state::dependency_table();
        has_come = false;
        utility.run();
        AcceptInvalidationMessages();
    });
    if (has_come)
        mailbox::note_definition_change();
}

/* The transaction may have had a source captured for a definition that will not be, and PostgreSQL sends nothing. */
void rollback_prepared(const UserStatement &utility)
{
    call([&] { utility.run(); });
    mailbox::note_definition_change();
}

void register_prepared()
{
    listen_to_relations(note_invalidated);
}

} // namespace pgtrickle
