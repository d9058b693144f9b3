/*
 * While an object exists, event triggers do not see the commands that the extension runs: they see the user's
 * statement only. PostgreSQL's own pair of functions has to be closed after an error, too: a user may catch it, and
 * the commands of the outer statement would be missing. C++ frames.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "commands/event_trigger.h"
}

namespace pgtrickle {

class UncollectedCommands {
  public:
    UncollectedCommands()
    {
        call([] { EventTriggerInhibitCommandCollection(); });
    }
    ~UncollectedCommands() { EventTriggerUndoInhibitCommandCollection(); }
    UncollectedCommands(const UncollectedCommands &) = delete;
    UncollectedCommands &operator=(const UncollectedCommands &) = delete;
};

} // namespace pgtrickle
