#include "capture/source/own_triggers.hpp"

#include "definition/state/extension_table.hpp"

extern "C" {
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "utils/rel.h"
}

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle::capture {

Oid trigger_function()
{
    return definition::extension_function("pgt_capture", {}, true);
}

bool is_capture_trigger(Oid trigger_function_oid)
{
    return OidIsValid(trigger_function_oid) && trigger_function_oid == trigger_function();
}

int16 events_of_own_triggers(Relation relation)
{
    const Oid function = trigger_function(); /* looks into catalogs, and the triggers may be loaded again meanwhile */
    const TriggerDesc *desc = relation->trigdesc;
    if (desc == nullptr)
        return 0;
    int before = 0, after = 0, others = 0;
    for (int i = 0; i < desc->numtriggers; i++) {
        const Trigger *trigger = &desc->triggers[i];
        const bool is_own = trigger->tgfoid == function && !TRIGGER_FOR_ROW(trigger->tgtype) &&
                            trigger->tgenabled == TRIGGER_FIRES_ALWAYS;
        if (is_own)
            (TRIGGER_FOR_BEFORE(trigger->tgtype) ? before : after) |= trigger->tgtype;
        else if (!trigger->tgisinternal || !OidIsValid(trigger->tgconstraint))
            others |= trigger->tgtype;
    }
    return static_cast<int16>(before & after & ~others &
                              (TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE));
}

TriggerDesc *triggers_of_rows(Relation relation)
{
    const Oid function = trigger_function();
    TriggerDesc *desc = CopyTriggerDesc(relation->trigdesc);
    if (desc == nullptr)
        return nullptr;
    int count = 0;
    for (int i = 0; i < desc->numtriggers; i++)
        if (desc->triggers[i].tgfoid != function && TRIGGER_FOR_ROW(desc->triggers[i].tgtype))
            desc->triggers[count++] = desc->triggers[i];
    desc->numtriggers = count;
    desc->trig_insert_before_statement = desc->trig_insert_after_statement = desc->trig_insert_new_table = false;
    desc->trig_update_before_statement = desc->trig_update_after_statement = false;
    desc->trig_update_old_table = desc->trig_update_new_table = false;
    desc->trig_delete_before_statement = desc->trig_delete_after_statement = desc->trig_delete_old_table = false;
    desc->trig_truncate_before_statement = desc->trig_truncate_after_statement = false;
    return count > 0 ? desc : nullptr;
}

} // namespace pgtrickle::capture
