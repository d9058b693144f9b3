#include "definition/alert.hpp"

#include "pg/boundary.hpp"

extern "C" {
#include "commands/async.h"
#include "mb/pg_wchar.h"
}

namespace pgtrickle::definition {

namespace {

constexpr const char *channel = "pg_trickle_alert";

int character_length(const char *at)
{
    return pg_encoding_mblen(GetDatabaseEncoding(), at);
}

} // namespace

scheduler::Alert alert_of(const char *event, const std::string &schema_name, const std::string &name)
{
    return {event, schema_name, name, {character_length, GetDatabaseEncoding() == PG_SQL_ASCII}};
}

void send_alert(const std::string &text)
{
    call([&] { Async_Notify(channel, text.c_str()); });
}

} // namespace pgtrickle::definition
