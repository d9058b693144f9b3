#include "fdw/ddl/user_statement.hpp"

extern "C" {
#include "commands/event_trigger.h"
}

namespace pgtrickle {

namespace {

/* Event triggers do not fire for a part of another statement, such as CREATE SCHEMA, but only for that
 * statement. */
bool is_complete(const UtilityCall &utility)
{
    return utility.context != PROCESS_UTILITY_SUBCOMMAND;
}

} // namespace

UserStatement::~UserStatement()
{
    if (is_collecting_)
        EventTriggerEndCompleteQuery();
}

void UserStatement::begin()
{
    call([this] {
        PreventCommandIfReadOnly(tag_);
        PreventCommandIfParallelMode(tag_);
        PreventCommandDuringRecovery(tag_);
    });
    if (!is_complete(utility_))
        return;
    is_collecting_ = call([] { return EventTriggerBeginCompleteQuery(); });
    call([this] { EventTriggerDDLCommandStart(utility_.statement()); });
}

void UserStatement::end()
{
    if (!is_complete(utility_))
        return;
    call([this] {
        EventTriggerSQLDrop(utility_.statement());
        EventTriggerDDLCommandEnd(utility_.statement());
    });
}

} // namespace pgtrickle
