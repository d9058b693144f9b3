#include "definition/alert.hpp"

#include "pg/boundary.hpp"

extern "C" {
#include "commands/async.h"
#include "mb/pg_wchar.h"
#include "utils/fmgroids.h"
}

namespace pgtrickle::definition {

namespace {

constexpr const char *channel = "pg_trickle_alert";

int character_length(const char *at)
{
    return pg_encoding_mblen(GetDatabaseEncoding(), at);
}

/* Returns whether the NOTIFY queue has room for an alert. A tenth is kept free for the notifications that are
 * sent between this check and the commit. PostgreSQL frame. */
bool has_queue_room()
{
    return DatumGetFloat8(OidFunctionCall0(F_PG_NOTIFICATION_QUEUE_USAGE)) < 0.9;
}

} // namespace

scheduler::Alert alert_of(const char *event, const std::string &schema_name, const std::string &name)
{
    return {event, schema_name, name, {character_length, GetDatabaseEncoding() == PG_SQL_ASCII}};
}

bool send_alert(const std::string &text)
{
    return call([&] {
        const bool has_room = has_queue_room();
        if (has_room)
            Async_Notify(channel, text.c_str());
        else
            ereport(WARNING, (errmsg("could not send an alert because the NOTIFY queue is full"),
                              errdetail("The alert is: %s", text.c_str()),
                              errhint("A listening session has a long-running transaction; end it.")));
        return has_room;
    });
}

} // namespace pgtrickle::definition
