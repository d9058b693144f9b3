#include "capture/triggers/row_trigger.hpp"

#include "capture/log/chunk.hpp"
#include "capture/source/inheritance.hpp"
#include "capture/triggers/open_statement.hpp"

extern "C" {
#include "executor/tuptable.h"
#include "replication/logicalworker.h"
}

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle::capture {

namespace {

/* Whether the row was changed by the worker of a subscription rather than by a statement. */
bool is_applied(Relation relation)
{
    return IsLogicalWorker() &&
           !is_statement_open_on(lcons_oid(RelationGetRelid(relation), ancestors_of(RelationGetRelid(relation))));
}

void log_to(const Target *target, const TupleTableSlot *old_row, const TupleTableSlot *new_row)
{
    if (!is_loggable(target))
        return;
    Sink sink = {target, nullptr};
    log_change(&sink, 1, old_row, new_row);
    close_sink(&sink);
}

} // namespace

void log_row_change(const TriggerData *trigger)
{
    const Targets *targets = find_targets(trigger->tg_relation);
    if (targets->row_count == 0)
        return;
    const bool is_insert = TRIGGER_FIRED_BY_INSERT(trigger->tg_event);
    TupleTableSlot *old_row = is_insert ? nullptr : trigger->tg_trigslot;
    TupleTableSlot *new_row = is_insert                                    ? trigger->tg_trigslot
                              : TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newslot
                                                                           : nullptr;
    if (old_row != nullptr)
        slot_getallattrs(old_row);
    if (new_row != nullptr)
        slot_getallattrs(new_row);
    const bool is_by_worker = is_applied(trigger->tg_relation);
    for (int i = 0; i < targets->row_count; i++)
        if (targets->row_items[i].is_by_rows || is_by_worker)
            log_to(&targets->row_items[i], old_row, new_row);
}

} // namespace pgtrickle::capture
