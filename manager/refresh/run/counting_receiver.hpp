/*
 * A receiver that hands each row on to another one, and counts it in a Progress; and how many rows a plan
 * is expected to deliver. PostgreSQL frames.
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

/* The planner's estimate. */
double expected_rows(const KeptPlan &plan);

} // namespace pgtrickle::refresh
