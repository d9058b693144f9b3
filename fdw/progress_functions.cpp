/*
 * Fills and full refreshes under way, for SQL. Those of this database with their stream table, for whoever may
 * see it; of another database only that there is one, as pg_stat_activity tells of its sessions.
 */
#include "definition/definition.hpp"
#include "fdw/rows.hpp"
#include "fdw/visibility.hpp"
#include "mailbox/progress.hpp"

extern "C" {
#include "commands/dbcommands.h"
}

namespace pgtrickle {

namespace {

/* One that a running transaction creates is in no catalog yet: nothing is known of it but its OID. */
bool is_shown(const mailbox::ProgressSeen &seen)
{
    if (seen.database != MyDatabaseId)
        return true;
    return call([&] {
        return !definition::is_stream_table(seen.relid) || may_see(seen.relid);
    });
}

void add_row(Rows &rows, const mailbox::ProgressSeen &seen)
{
    const char *database = call([&] { return get_database_name(seen.database); });
    rows.integer(seen.pid).oid(seen.database);
    database != nullptr ? rows.text(database) : rows.null();
    seen.database == MyDatabaseId ? rows.oid(seen.relid) : rows.null();
    rows.text(mailbox::name_of(seen.phase)).integer(seen.part).integer(seen.parts).number(seen.rows_done);
    seen.rows_expected > 0 ? rows.number(seen.rows_expected) : rows.null();
    rows.time(seen.started_at).add();
}

} // namespace

} // namespace pgtrickle

SQL_FUNCTION(pgtrickle_progress_rows)
{
    using namespace pgtrickle;
    Rows rows(fcinfo);
    for (const mailbox::ProgressSeen &seen : mailbox::progress_seen())
        if (is_shown(seen))
            add_row(rows, seen);
    return 0;
}
