/*
 * The trigger of all tables of the schema pgtrickle that refuses rows which the worker of a subscription copies or
 * applies. What a trigger of a user does in that worker by a statement has the checks of statements, and is permitted.
 */
#include "fdw/read/session/running_statements.hpp"
#include "pg/boundary.hpp"

extern "C" {
#include "commands/trigger.h"
#include "replication/logicalworker.h"
#include "utils/rel.h"
}

namespace pgtrickle {

namespace {

/* PostgreSQL frame. */
HeapTuple row_unless_replicated(FunctionCallInfo fcinfo)
{
    if (!CALLED_AS_TRIGGER(fcinfo))
        elog(ERROR, "not called as a trigger");
    const auto *trigger = reinterpret_cast<TriggerData *>(fcinfo->context);
    if (IsLogicalWorker() && running_depth() == 0)
        ereport(ERROR,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                 errmsg("cannot replicate into table \"%s\"", RelationGetRelationName(trigger->tg_relation)),
                 errdetail("It is a table of the extension pg_trickle, which has rows of its own on each server."),
                 errhint("Publish tables by name, or by schema.")));
    return TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple : trigger->tg_trigtuple;
}

} // namespace

} // namespace pgtrickle

SQL_FUNCTION(pgtrickle_refuse_replication)
{
    return PointerGetDatum(pgtrickle::call([=] { return pgtrickle::row_unless_replicated(fcinfo); }));
}
