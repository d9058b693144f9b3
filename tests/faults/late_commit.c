/*
 * Commits of a session that loads this library wait while a file is in the data directory: for "late_commit", between
 * the moment when they are visible and the callbacks of libraries that were loaded before; for "late_release", between
 * these callbacks and the invalidations, which are followed by the release of locks.
 */
#include "postgres.h"

#include <unistd.h>

#include "access/xact.h"
#include "fmgr.h"
#include "utils/resowner.h"

PG_MODULE_MAGIC;

void _PG_init(void);

static void wait_if_late(XactEvent event, void *unused)
{
    while (event == XACT_EVENT_COMMIT && access("late_commit", F_OK) == 0)
        pg_usleep(1000);
}

static void wait_before_release(ResourceReleasePhase phase, bool is_commit, bool is_top_level, void *unused)
{
    while (phase == RESOURCE_RELEASE_BEFORE_LOCKS && is_commit && is_top_level && access("late_release", F_OK) == 0)
        pg_usleep(1000);
}

void _PG_init(void)
{
    RegisterResourceReleaseCallback(wait_before_release, NULL);
    RegisterXactCallback(wait_if_late, NULL);
}
