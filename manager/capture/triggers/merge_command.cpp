#include "capture/triggers/merge_command.hpp"

#include "capture/log/marker.hpp"
#include "capture/source/routing.hpp"
#include "capture/triggers/trigger_setup.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "nodes/execnodes.h"
}

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle::capture {

namespace {

/* Whether a statement trigger for one of `events` is not a capture trigger. */
bool has_foreign_statement_trigger(const TriggerDesc *desc, int16 events)
{
    const Oid function = trigger_function();
    for (int i = 0; i < desc->numtriggers; i++) {
        const Trigger *trigger = &desc->triggers[i];
        if (!TRIGGER_FOR_ROW(trigger->tgtype) && (trigger->tgtype & events) != 0 && trigger->tgfoid != function)
            return true;
    }
    return false;
}

void watch_merge(ModifyTableState *state)
{
    ResultRelInfo *root = state->rootResultRelInfo;
    Relation relation = root->ri_RelationDesc;
    constexpr int all = MERGE_INSERT | MERGE_UPDATE | MERGE_DELETE;
    if (state->operation != CMD_MERGE || relation->rd_rel->relkind != RELKIND_PARTITIONED_TABLE ||
        (state->mt_merge_subcommands & MERGE_UPDATE) == 0 || (state->mt_merge_subcommands & all) == all ||
        root->ri_TrigDesc == nullptr || find_targets(relation)->count == 0)
        return;
    int16 added = 0;
    added |= (state->mt_merge_subcommands & MERGE_INSERT) == 0 ? TRIGGER_TYPE_INSERT : 0;
    added |= (state->mt_merge_subcommands & MERGE_DELETE) == 0 ? TRIGGER_TYPE_DELETE : 0;
    if (!has_foreign_statement_trigger(root->ri_TrigDesc, added)) {
        state->mt_merge_subcommands |= all;
        return;
    }
    mark_around(RelationGetRelid(relation), "a MERGE may have moved rows between its partitions");
}

} // namespace

void start_merge(QueryDesc *query, int flags, const Next &next)
{
    next();
    if ((flags & EXEC_FLAG_EXPLAIN_ONLY) != 0 || query->planstate == nullptr)
        return;
    if (IsA(query->planstate, ModifyTableState))
        watch_merge(castNode(ModifyTableState, query->planstate));
    ListCell *cell;
    foreach (cell, query->estate->es_auxmodifytables) /* MERGE within WITH */
        watch_merge(lfirst_node(ModifyTableState, cell));
}

} // namespace pgtrickle::capture
