/*
 * What the mailbox knows of itself, for people to look at. Never ereports; noexcept, where nothing else is said.
 */
#pragma once

#include "mailbox/mailbox.hpp"

#include <vector>

namespace pgtrickle::mailbox {

struct MailboxStats {
    int launcher_pid = 0;          /* 0: none is running */
    int manager_pid = 0;           /* of this database */
    int64_t stream_tables = 0;     /* known, of all databases */
    int64_t stream_table_room = 0; /* for as many */
    int64_t readings_free = 0;     /* of what the stream tables read; none: the next one is always called dirty */
    int64_t readings_room = 0;
};

/* All zero without shared memory. */
MailboxStats stats() noexcept;

/* What a refresh worker, or a manager that stands in for one, refreshes now. */
struct RunningRefresh {
    int pid;
    Oid database;
    Oid first_member;
    int member_count;
    TimestampTz since;
    Oid owner;               /* of what it refreshes; of several the first, or one whose share is exhausted */
    bool is_share_exhausted; /* that owner has as many workers as it may */
    bool is_share_awaited;   /* and other stream tables of it wait for one */
};
/* In all databases; `owner_limit`: how many workers an owner may have. May throw bad_alloc. */
std::vector<RunningRefresh> running_refreshes(int owner_limit);

} // namespace pgtrickle::mailbox
