/*
 * A receiver that hands each row on to another one, and counts it in a Progress; and how many rows a plan
 * is expected to deliver. PostgreSQL frames.
 */
#pragma once

#include "mailbox/progress.hpp"

extern "C" {
#include "executor/spi.h"
#include "tcop/dest.h"
}

namespace pgtrickle::refresh {

/* Allocated in the current context. */
DestReceiver *begin_counting(DestReceiver *next, mailbox::Progress *progress);

/* The planner's estimate; plans the statement if that is still to be done, and the plan is kept. */
double expected_rows(SPIPlanPtr plan);

} // namespace pgtrickle::refresh
