/*
 * gate_source, ungate_source and source_gates, as SQL functions.
 */
#include "definition/guc.hpp"
#include "definition/state/extension_table.hpp"
#include "definition/visibility.hpp"
#include "fdw/sql/arguments.hpp"
#include "fdw/sql/extension_tables.hpp"
#include "fdw/sql/result_rows.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/relation_name.hpp"
#include "refresh/batch/holds.hpp"

extern "C" {
#include "utils/lsyscache.h"
}

namespace pgtrickle {

namespace {

void gate(FunctionCallInfo fcinfo)
{
    Oid source = own_source(fcinfo, "gate_source()");
    auto inserted =
        run_extension_sql("INSERT INTO pgtrickle.pgt_hold AS h (kind, relation, by_role) VALUES ('gate', $1::oid, $2) "
                          "ON CONFLICT (kind, relation, group_name) DO UPDATE SET since = excluded.since, "
                          "by_role = excluded.by_role, ended_at = NULL WHERE h.ended_at IS NOT NULL RETURNING 1",
                          {std::to_string(source), current_role()});
    if (inserted.empty())
        call([=] { ereport(NOTICE, (errmsg("source %s is already gated", quoted_relation_name(source)))); });
    mailbox::note_definition_change();
}

void ungate(FunctionCallInfo fcinfo)
{
    Oid source = own_source(fcinfo, "ungate_source()");
    auto ended = run_extension_sql("UPDATE pgtrickle.pgt_hold SET ended_at = now() WHERE kind = 'gate' AND "
                                   "relation = $1::oid::regclass AND ended_at IS NULL RETURNING 1",
                                   {std::to_string(source)});
    if (ended.empty())
        call([=] { ereport(NOTICE, (errmsg("source %s is not gated", quoted_relation_name(source)))); });
    mailbox::note_definition_change();
}

void list_gates(FunctionCallInfo fcinfo)
{
    using namespace refresh;
    Rows rows(fcinfo);
    definition::TableRows holds = call([] { return definition::rows_of("pgt_hold"); });
    for (int i = 0; i < holds.count; i++) {
        Oid source = DatumGetObjectId(holds.value(i, hold_relation));
        const RelationName shown = call([&] {
            const bool is_gate = strcmp(TextDatumGetCString(holds.value(i, hold_kind)), "gate") == 0;
            return is_gate ? name_if_visible(source) : RelationName{};
        });
        if (shown.name == nullptr)
            continue;
        rows.text(shown.name).text(shown.schema);
        rows.boolean(holds.is_null(i, hold_ended_at)).copy(holds, i, hold_since).copy(holds, i, hold_ended_at);
        rows.copy(holds, i, hold_role).add();
    }
}

} // namespace

} // namespace pgtrickle

SQL_FUNCTION(pgtrickle_gate_source)
{
    pgtrickle::gate(fcinfo);
    PG_RETURN_VOID();
}

SQL_FUNCTION(pgtrickle_ungate_source)
{
    pgtrickle::ungate(fcinfo);
    PG_RETURN_VOID();
}

SQL_FUNCTION(pgtrickle_source_gates)
{
    pgtrickle::list_gates(fcinfo);
    return 0;
}
