/*
 * The trigger function of a source: writes the changes of a statement from its transition tables to the logs
 * of all sources that they belong to.
 *
 * The triggers of the relation named in the statement fire, and the transition tables have its row type,
 * independent of the partitions or children that contain the rows; so each row is written to each log at most
 * once. Changes that the transition tables do not show are logged by a row trigger (row_trigger.hpp).
 */
#include "capture/log/chunk.hpp"
#include "capture/log/marker.hpp"
#include "capture/triggers/open_statement.hpp"
#include "capture/triggers/partition_route.hpp"
#include "capture/triggers/row_trigger.hpp"

extern "C" {
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/tuptable.h"
#include "utils/tuplestore.h"

PGDLLEXPORT Datum pgtrickle_capture(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgtrickle_capture);
}

#include <algorithm>

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle::capture {

namespace {

struct Statement {
    Relation relation;
    int count;
    Sink *sinks;  /* of the relation and its ancestors */
    Route *route; /* to partitions of the relation; nullptr if none is a source */
};

/* Reads both tables side by side: the old and the new row of an UPDATE are at the same position. If they are
 * not, only the opportunity to skip an equal pair is missed. */
void log_transitions(Statement *statement, Tuplestorestate *old_rows, Tuplestorestate *new_rows)
{
    const TupleDesc desc = RelationGetDescr(statement->relation);
    TupleTableSlot *old_slot = nullptr, *new_slot = nullptr;
    AttrNumber highest = static_cast<AttrNumber>(statement->route != nullptr ? desc->natts : 0);
    for (int i = 0; i < statement->count; i++)
        highest = std::max(highest, statement->sinks[i].target->highest);
    for (auto *rows : {old_rows, new_rows})
        if (rows != nullptr) {
            tuplestore_select_read_pointer(rows, 0);
            tuplestore_rescan(rows);
            (rows == old_rows ? old_slot : new_slot) = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
        }

    bool has_old = old_rows != nullptr, has_new = new_rows != nullptr;
    while (has_old || has_new) {
        has_old = has_old && tuplestore_gettupleslot(old_rows, true, false, old_slot);
        has_new = has_new && tuplestore_gettupleslot(new_rows, true, false, new_slot);
        if (has_old)
            slot_getsomeattrs(old_slot, highest);
        if (has_new)
            slot_getsomeattrs(new_slot, highest);
        TupleTableSlot *old_row = has_old ? old_slot : nullptr, *new_row = has_new ? new_slot : nullptr;
        log_change(statement->sinks, statement->count, old_row, new_row);
        if (statement->route != nullptr)
            log_below(statement->route, old_row, new_row);
        CHECK_FOR_INTERRUPTS();
    }
    if (old_slot != nullptr)
        ExecDropSingleTupleTableSlot(old_slot);
    if (new_slot != nullptr)
        ExecDropSingleTupleTableSlot(new_slot);
}

bool is_empty(Tuplestorestate *rows)
{
    return rows == nullptr || tuplestore_tuple_count(rows) == 0;
}

void log_statement(const TriggerData *trigger)
{
    const Targets *targets = hold_targets(trigger->tg_relation); /* a partition key is code of a user */
    if (targets->count + targets->below_count == 0 ||
        (is_empty(trigger->tg_oldtable) && is_empty(trigger->tg_newtable)))
        return;
    Statement statement = {trigger->tg_relation, 0, nullptr, nullptr};
    statement.sinks = static_cast<Sink *>(palloc0(sizeof(Sink) * (targets->count + 1)));
    for (int i = 0; i < targets->count; i++)
        if (is_loggable(&targets->items[i]))
            statement.sinks[statement.count++].target = &targets->items[i];
    bool has_loggable_below = false;
    for (int i = 0; i < targets->below_count; i++)
        has_loggable_below = is_loggable(&targets->below[i]) || has_loggable_below;
    if (has_loggable_below)
        statement.route = begin_route(trigger->tg_relation, targets);
    if (statement.count > 0 || statement.route != nullptr)
        log_transitions(&statement, trigger->tg_oldtable, trigger->tg_newtable);
    for (int i = 0; i < statement.count; i++)
        close_sink(&statement.sinks[i]);
    if (statement.route != nullptr)
        end_route(statement.route);
}

CmdType command_of(TriggerEvent event)
{
    return TRIGGER_FIRED_BY_INSERT(event)   ? CMD_INSERT
           : TRIGGER_FIRED_BY_UPDATE(event) ? CMD_UPDATE
           : TRIGGER_FIRED_BY_DELETE(event) ? CMD_DELETE
                                            : CMD_UTILITY;
}

} // namespace

} // namespace pgtrickle::capture

Datum pgtrickle_capture(PG_FUNCTION_ARGS)
{
    using namespace pgtrickle::capture;
    if (!CALLED_AS_TRIGGER(fcinfo))
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("function \"pgt_capture\" was not called by trigger manager")));
    auto *trigger = reinterpret_cast<TriggerData *>(fcinfo->context);
    const Oid relid = RelationGetRelid(trigger->tg_relation);
    if (TRIGGER_FIRED_FOR_ROW(trigger->tg_event)) {
        log_row_change(trigger);
    } else if (TRIGGER_FIRED_BEFORE(trigger->tg_event)) {
        open_statement(trigger->tg_relation, command_of(trigger->tg_event));
        if (trigger->tg_trigger->tgnargs > 0) /* of a MERGE (merge_command.hpp) */
            mark_around(relid, trigger->tg_trigger->tgargs[0]);
    } else {
        if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
            write_marker(relid, "it was truncated");
        else
            log_statement(trigger);
        close_statement(relid, command_of(trigger->tg_event));
    }
    return PointerGetDatum(nullptr);
}
