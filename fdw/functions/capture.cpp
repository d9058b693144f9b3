/*
 * stop_capture, allow_capture and stopped_captures, as SQL functions.
 */
#include "capture/capture.hpp"
#include "capture/permission.hpp"
#include "definition/alert.hpp"
#include "definition/guc.hpp"
#include "definition/state/extension_table.hpp"
#include "definition/state/state.hpp"
#include "definition/stream_table.hpp"
#include "definition/visibility.hpp"
#include "fdw/ddl/grants.hpp"
#include "fdw/sql/arguments.hpp"
#include "fdw/sql/extension_tables.hpp"
#include "fdw/sql/result_rows.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/relation_name.hpp"
#include "pg/relation_row.hpp"

extern "C" {
#include "access/htup_details.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
}

namespace pgtrickle {

namespace {

Oid own_captured_source(FunctionCallInfo fcinfo, const char *what)
{
    const Oid source = own_source(fcinfo, what);
    call([=] {
        if (capture::relations_checked(source) == NIL)
            ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                            errmsg("%s has no capture that can be stopped", quoted_relation_name(source)),
                            errdetail("Foreign tables have no capture triggers; their rows are compared, or their "
                                      "refreshes write the change log.")));
    });
    return source;
}

/* Reports each stream table for which the changes of `source` were captured, by a NOTICE and an alert. */
void report_dependents(Oid source)
{
    List *dependents = call([=] { return state::log_dependents_of(source); });
    for (int i = 0; i < list_length(dependents); i++) {
        const Oid dependent = list_nth_oid(dependents, i);
        if (!call([=] { return definition::is_stream_table(dependent); }))
            continue;
        const RelationName name = call([=] { return name_of_relation(dependent); });
        const char *owner = call([=] { return GetUserNameFromId(owner_of_relation(dependent, true), true); });
        if (name.name == nullptr || owner == nullptr)
            continue;
        call([=] {
            ereport(NOTICE, (errmsg("stream table %s of role %s will be maintained by full refreshes",
                                    quote_qualified_identifier(name.schema, name.name), owner)));
        });
        (void)definition::send_alert(
            definition::alert_of("reinitialize_needed", name.schema, name.name)
                .ending_with("reason", "the owner of a source has stopped the capture of its changes"));
    }
    mailbox::note_change(source);
}

std::vector<Oid> sources_at(Oid relation)
{
    List *asked = call([=] { return capture::relations_checked(relation); });
    std::vector<Oid> sources;
    for (int i = 0; i < list_length(asked); i++)
        sources.push_back(list_nth_oid(asked, i));
    return sources;
}

void stop(FunctionCallInfo fcinfo)
{
    const Oid relation = own_captured_source(fcinfo, "stop_capture()");
    auto inserted =
        run_extension_sql("INSERT INTO pgtrickle.pgt_stopped_capture (relation, by_role) VALUES ($1::oid, $2) "
                          "ON CONFLICT DO NOTHING RETURNING 1",
                          {std::to_string(relation), current_role()});
    if (inserted.empty())
        call([=] { ereport(NOTICE, (errmsg("capture of %s is already stopped", quoted_relation_name(relation)))); });
    for (Oid source : sources_at(relation))
        if (call([=] { return capture::stop(source); }))
            report_dependents(source);
    mailbox::note_definition_change();
}

void allow(FunctionCallInfo fcinfo)
{
    const Oid relation = own_captured_source(fcinfo, "allow_capture()");
    auto removed =
        run_extension_sql("DELETE FROM pgtrickle.pgt_stopped_capture WHERE relation = $1::oid::regclass RETURNING 1",
                          {std::to_string(relation)});
    if (removed.empty())
        call([=] { ereport(NOTICE, (errmsg("capture of %s is not stopped", quoted_relation_name(relation)))); });
    request_allowed_captures(relation);
    mailbox::note_definition_change();
}

/* Invalidates the programs of stream tables that read the relation. PostgreSQL frame. */
Datum note_stopped(FunctionCallInfo fcinfo)
{
    if (!CALLED_AS_TRIGGER(fcinfo))
        elog(ERROR, "not called as a trigger");
    const auto *data = reinterpret_cast<TriggerData *>(fcinfo->context);
    bool is_null;
    const Oid relation =
        DatumGetObjectId(heap_getattr(data->tg_trigtuple, 1, RelationGetDescr(data->tg_relation), &is_null));
    if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relation))) {
        CacheInvalidateRelcacheByRelid(relation);
        ListCell *cell;
        foreach (cell, capture::relations_checked(relation))
            mailbox::note_change(lfirst_oid(cell));
    }
    return PointerGetDatum(data->tg_trigtuple);
}

enum StoppedColumn : int { stopped_relation = 1, stopped_at, stopped_by };

void list_stopped(FunctionCallInfo fcinfo)
{
    Rows rows(fcinfo);
    definition::TableRows stopped = call([] { return definition::rows_of("pgt_stopped_capture"); });
    for (int i = 0; i < stopped.count; i++) {
        const Oid relation = DatumGetObjectId(stopped.value(i, stopped_relation));
        const RelationName shown = call([=] { return name_if_visible(relation); });
        if (shown.name == nullptr)
            continue;
        rows.text(shown.schema).text(shown.name);
        rows.time(DatumGetTimestampTz(stopped.value(i, stopped_at)));
        rows.copy(stopped, i, stopped_by).add();
    }
}

} // namespace

} // namespace pgtrickle

SQL_FUNCTION(pgtrickle_note_stopped_capture)
{
    return pgtrickle::call([=] { return pgtrickle::note_stopped(fcinfo); });
}

SQL_FUNCTION(pgtrickle_stop_capture)
{
    pgtrickle::stop(fcinfo);
    PG_RETURN_VOID();
}

SQL_FUNCTION(pgtrickle_allow_capture)
{
    pgtrickle::allow(fcinfo);
    PG_RETURN_VOID();
}

SQL_FUNCTION(pgtrickle_stopped_captures)
{
    pgtrickle::list_stopped(fcinfo);
    return 0;
}
