/*
 * A statement of the user that we carry out in core's place: what core does before and after one, so that it is refused where
 * core refuses it, and the event triggers fire for it once, as the current user, under the session's settings.
 *
 *     UserStatement statement(utility, "CREATE INDEX");
 *     statement.begin();      ddl_command_start
 *     …                       what the statement does; EventTriggerCollectSimpleCommand()
 *     statement.end();        sql_drop, ddl_command_end
 *
 * Nothing that runs in between is passed to ProcessUtility(). C++ frames.
 */
#pragma once

#include "fdw/ddl/utility_call.hpp"

namespace pgtrickle {

class UserStatement {
  public:
    UserStatement(const UtilityCall &utility, const char *tag) : utility_(utility), tag_(tag) {}
    ~UserStatement();
    UserStatement(const UserStatement &) = delete;
    UserStatement &operator=(const UserStatement &) = delete;

    void begin();
    void end();

  private:
    const UtilityCall &utility_;
    const char *tag_;
    bool is_collecting_ = false; /* for event triggers */
};

} // namespace pgtrickle
