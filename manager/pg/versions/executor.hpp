/*
 * Running plans. PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "executor/executor.h"
}

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

} // namespace pgtrickle
