#include "fdw/ddl/commit_prepared.hpp"

#include "definition/state/state.hpp"
#include "fdw/definition/stream_table_named.hpp"
#include "mailbox/hooks.hpp"
#include "mailbox/mailbox.hpp"

namespace pgtrickle {

void announce_before_prepare(XactEvent event)
{
    if (event == XACT_EVENT_PRE_PREPARE && mailbox::has_definition_change())
        state::invalidate_refresh_sets();
}

void follow_commit_prepared(const UtilityCall &call)
{
    mailbox::around_commit_prepared(call, is_definition_followed() ? state::dependency_table() : InvalidOid);
}

void follow_rollback_prepared(const UtilityCall &call)
{
    const bool is_followed = is_definition_followed();
    call.run();
    if (is_followed)
        mailbox::note_definition_change();
}

} // namespace pgtrickle
