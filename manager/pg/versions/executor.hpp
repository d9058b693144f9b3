/*
 * Running plans. PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "executor/executor.h"
#include "utils/guc.h"
}

#include <cstdlib>

namespace pgtrickle {

/* Runs to its end a plan that has been started and is run once only. */
inline void run_to_end(QueryDesc *query)
{
#if PG_VERSION_NUM < 180000
    ExecutorRun(query, ForwardScanDirection, 0, true);
#else
    ExecutorRun(query, ForwardScanDirection, 0);
#endif
}

/* Whether the server collects the rows of a MERGE apart from those that the statement changes in the same table by
 * other commands or by actions of foreign keys, and fires the statement triggers of the table for one of these
 * collections only. Decided by the server that runs, which may be a later minor release than that compiled for. */
inline bool collects_merge_apart()
{
    const int version = atoi(GetConfigOption("server_version_num", false, false));
    switch (version / 10000) {
    case 15: return version < 150016;
    case 16: return version < 160012;
    case 17: return version < 170008;
    case 18: return version < 180002;
    default: return false;
    }
}

} // namespace pgtrickle
