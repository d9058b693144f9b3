/*
 * A statement of the user that the extension executes in PostgreSQL's place. It does what PostgreSQL does
 * before and after such a statement, so that the statement is refused where PostgreSQL refuses it, and event
 * triggers fire for it once, as the current user, under the session's settings.
 *
 *     UserStatement statement(utility, "CREATE INDEX");
 *     statement.begin();      ddl_command_start
 *     …                       the actions of the statement; EventTriggerCollectSimpleCommand()
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
