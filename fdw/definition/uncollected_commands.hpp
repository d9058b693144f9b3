/*
 * While an object exists, event triggers do not see the commands that the extension runs, nor what these drop: they see
 * the user's statement only. The commands belong to a list of their own, as those of a statement that an event trigger
 * runs, and nothing is written into the list. PostgreSQL makes a list only if there are event triggers that might read
 * it; if these were dropped after the list of the user's statement was made, nothing more is written into that one.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "commands/event_trigger.h"
}

namespace pgtrickle {

/* Returns whether EventTriggerEndCompleteQuery() has to be called, also after an error: a user may catch it, and the
 * commands of the outer statement would be missing. PostgreSQL frame. */
inline bool begin_uncollected()
{
    const bool has_own_list = EventTriggerBeginCompleteQuery();
    EventTriggerInhibitCommandCollection();
    return has_own_list;
}

/* C++ frames. */
class UncollectedCommands {
  public:
    UncollectedCommands() : has_own_list_(call([] { return begin_uncollected(); })) {}
    ~UncollectedCommands()
    {
        if (has_own_list_)
            EventTriggerEndCompleteQuery();
    }
    UncollectedCommands(const UncollectedCommands &) = delete;
    UncollectedCommands &operator=(const UncollectedCommands &) = delete;

  private:
    bool has_own_list_;
};

} // namespace pgtrickle
