/*
 * Commits of a session that loads this library wait, while the file "late_commit" is in the data directory, between
 * the moment when they are visible and the callbacks of libraries that were loaded before.
 */
#include "postgres.h"

#include <unistd.h>

#include "access/xact.h"
#include "fmgr.h"

PG_MODULE_MAGIC;

void _PG_init(void);

static void wait_if_late(XactEvent event, void *unused)
{
    while (event == XACT_EVENT_COMMIT && access("late_commit", F_OK) == 0)
        pg_usleep(1000);
}

void _PG_init(void)
{
    RegisterXactCallback(wait_if_late, NULL);
}
