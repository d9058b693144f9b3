/*
 * A receiver that passes each row on to another one and counts it in a Progress; and the number of rows that
 * a plan is expected to return. PostgreSQL frames.
 */
#pragma once

#include "mailbox/progress.hpp"
#include "refresh/program/kept_plan.hpp"

extern "C" {
#include "tcop/dest.h"
}

namespace pgtrickle::refresh {

/* Allocated in the current context. */
DestReceiver *begin_counting(DestReceiver *next, mailbox::Progress *progress);

/* Returns the planner's estimate. */
double expected_rows(const KeptPlan &plan);

} // namespace pgtrickle::refresh
