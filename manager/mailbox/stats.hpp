/*
 * Statistics of the mailbox, for monitoring functions. Never ereports; noexcept unless a comment says
 * otherwise.
 */
#pragma once

#include "mailbox/mailbox.hpp"

#include <vector>

namespace pgtrickle::mailbox {

struct MailboxStats {
    int launcher_pid = 0;          /* 0: none is running */
    int manager_pid = 0;           /* of this database */
    int64_t stream_tables = 0;     /* known, of all databases */
    int64_t stream_table_room = 0; /* maximum number of stream tables */
    int64_t readings_free = 0;     /* cells for what they read; without one, a stream table stays dirty */
    int64_t readings_room = 0;
};

/* All zero without shared memory. */
MailboxStats stats() noexcept;

/* A refresh that a refresh worker, or a manager that stands in for one, is running. */
struct RunningRefresh {
    int pid;
    Oid database;
    Oid first_member;
    int member_count;
    TimestampTz since;
    Oid owner;               /* of the stream tables */
    bool is_share_exhausted; /* that owner has as many workers as it may have */
    bool is_share_awaited;   /* and jobs of other stream tables of that owner wait for a worker */
};
/* In all databases. `owner_limit`: maximum number of workers of an owner. May throw bad_alloc. */
std::vector<RunningRefresh> running_refreshes(int owner_limit);

} // namespace pgtrickle::mailbox
