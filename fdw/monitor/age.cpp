/*
 * The mailbox knows since when changes are pending. Where it does not, after a restart for one, the
 * content may be as old as the last refresh, and is taken to be.
 */
#include "fdw/monitor/age.hpp"

#include "mailbox/mailbox.hpp"

namespace pgtrickle {

Age age_of(Oid relid, const state::StateRow &row)
{
    if (!row.is_populated)
        return {};
    TimestampTz now = GetCurrentTimestamp();
    mailbox::Look look = mailbox::look(relid);
    if (look.is_current())
        return {true, now, 0};
    TimestampTz since = look.is_known && look.stale_since() != DT_NOBEGIN ? look.stale_since() : row.data_timestamp;
    if (look.waits_for_others)
        return {look.is_clean, row.data_timestamp, since > now ? 0 : now - since, 0, since};
    TimestampTz own = look.is_known && look.own_stale_since() != DT_NOBEGIN ? look.own_stale_since() : row.data_timestamp;
    return {look.is_clean, row.data_timestamp, since > now ? 0 : now - since, own == 0 || own > now ? 0 : now - own, since};
}

} // namespace pgtrickle
