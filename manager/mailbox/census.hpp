/*
 * What the mailbox knows of itself, for people to look at. Noexcept, and never ereports.
 */
#pragma once

#include "mailbox/mailbox.hpp"

namespace pgtrickle::mailbox {

struct Census {
    int launcher_pid = 0;          /* 0: none is running */
    int manager_pid = 0;           /* of this database */
    int64_t stream_tables = 0;     /* known, of all databases */
    int64_t stream_table_room = 0; /* for as many */
    int64_t readings_free = 0;     /* of what the stream tables read; none: the next one is always called dirty */
    int64_t readings_room = 0;
};

/* All zero without shared memory. */
Census census() noexcept;

} // namespace pgtrickle::mailbox
