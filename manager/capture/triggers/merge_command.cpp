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

/* Minor releases before 2026 collect the rows of a MERGE apart from those of the other commands of the statement, and
 * fire the statement triggers of one relation for one of these collections only. */
void watch_other_commands(const List *commands)
{
    ListCell *merge, *other;
    foreach (merge, commands) {
        const auto *state = lfirst_node(ModifyTableState, merge);
        const Relation relation = state->rootResultRelInfo->ri_RelationDesc;
        if (state->operation != CMD_MERGE || find_targets(relation)->count == 0)
            continue;
        foreach (other, commands)
            if (lfirst(other) != state &&
                RelationGetRelid(lfirst_node(ModifyTableState, other)->rootResultRelInfo->ri_RelationDesc) ==
                    RelationGetRelid(relation)) {
                mark_around(RelationGetRelid(relation), "a MERGE was part of a statement with other commands");
                break;
            }
    }
}

} // namespace

void start_merge(QueryDesc *query, int flags, const Next &next)
{
    next();
    if ((flags & EXEC_FLAG_EXPLAIN_ONLY) != 0 || query->planstate == nullptr)
        return;
    List *within_with = query->estate->es_auxmodifytables;
    PlanState *top = IsA(query->planstate, ModifyTableState) ? query->planstate : nullptr;
    if (top != nullptr)
        watch_merge(castNode(ModifyTableState, top));
    ListCell *cell;
    foreach (cell, within_with)
        watch_merge(lfirst_node(ModifyTableState, cell));
    if (within_with != NIL)
        watch_other_commands(top != nullptr ? lappend(list_copy(within_with), top) : within_with);
}

} // namespace pgtrickle::capture
