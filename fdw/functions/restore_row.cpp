/*
 * The trigger of pgt_dumped_row: a row of an extension's table that names a relation, with the name as a text. Each is
 * restored for itself, so that one about a relation which has not been restored is left out, with a WARNING.
 *
 * Only who may write these tables may have the trigger run: the owner of the database has INSERT on both.
 */
#include "fdw/sql/extension_tables.hpp"
#include "pg/versions/rights.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/rel.h"
#include "utils/varlena.h"
}

#include <algorithm>
#include <iterator>

namespace pgtrickle {

namespace {

enum DumpedColumn : AttrNumber { dumped_target = 1, dumped_relation, dumped_content };

/* The statement that restores a row of the table `target`; $1 is its content. */
struct Statement {
    const char *target;
    ExtensionSql sql;
};

constexpr Statement statements[] = {
    {"pgt_hold", "INSERT INTO pgtrickle.pgt_hold SELECT * FROM "
                 "jsonb_populate_record(NULL::pgtrickle.pgt_hold, $1::jsonb) ON CONFLICT DO NOTHING"},
    {"pgt_stopped_capture",
     "INSERT INTO pgtrickle.pgt_stopped_capture SELECT * FROM "
     "jsonb_populate_record(NULL::pgtrickle.pgt_stopped_capture, $1::jsonb) ON CONFLICT DO NOTHING"},
    {"pgt_watermark", "INSERT INTO pgtrickle.pgt_watermark SELECT * FROM "
                      "jsonb_populate_record(NULL::pgtrickle.pgt_watermark, $1::jsonb) ON CONFLICT DO NOTHING"},
    {"pgt_refresh_group_member",
     "INSERT INTO pgtrickle.pgt_refresh_group_member SELECT * FROM "
     "jsonb_populate_record(NULL::pgtrickle.pgt_refresh_group_member, $1::jsonb) ON CONFLICT DO NOTHING"},
};

struct DumpedRow {
    char *target;
    char *relation;
    char *content;
};

/* The functions from here on are PostgreSQL frames, until restore_row(). */

Datum required_value(const TriggerData *data, DumpedColumn column)
{
    bool is_null;
    Datum value = heap_getattr(data->tg_trigtuple, column, RelationGetDescr(data->tg_relation), &is_null);
    if (is_null)
        ereport(ERROR,
                (errcode(ERRCODE_NOT_NULL_VIOLATION), errmsg("null value in a row of pgtrickle.pgt_dumped_row")));
    return value;
}

DumpedRow row_of(FunctionCallInfo fcinfo)
{
    if (!CALLED_AS_TRIGGER(fcinfo))
        elog(ERROR, "not called as a trigger");
    const auto *data = reinterpret_cast<TriggerData *>(fcinfo->context);
    Jsonb *content = DatumGetJsonbP(required_value(data, dumped_content));
    return {TextDatumGetCString(required_value(data, dumped_target)),
            TextDatumGetCString(required_value(data, dumped_relation)),
            JsonbToCString(nullptr, &content->root, static_cast<int>(VARSIZE(content)))};
}

Oid named_relation(const char *name)
{
    return RangeVarGetRelid(makeRangeVarFromNameList(textToQualifiedNameList(cstring_to_text(name))), NoLock, true);
}

/* Whether the relation exists; `-` stands for the whole database. */
bool is_known(const char *relation)
{
    return strcmp(relation, "-") == 0 || OidIsValid(named_relation(relation));
}

/* Whether it is a member of a refresh group that the user of the statement does not own: pgt_check_group_member()
 * would refuse it, and the rows behind it. */
bool is_member_of_another(const DumpedRow &row)
{
    return strcmp(row.target, "pgt_refresh_group_member") == 0 &&
           !object_ownercheck(RelationRelationId, named_relation(row.relation), GetUserId());
}

void restore_row(FunctionCallInfo fcinfo)
{
    const DumpedRow row = call([=] { return row_of(fcinfo); });
    if (!call([=] { return is_known(row.relation); })) {
        call([=] {
            ereport(WARNING, (errcode(ERRCODE_UNDEFINED_TABLE),
                              errmsg("relation \"%s\" does not exist, so its row of pgtrickle.%s is not restored",
                                     row.relation, row.target)));
        });
        return;
    }
    if (call([=] { return is_member_of_another(row); })) {
        call([=] {
            ereport(WARNING,
                    (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                     errmsg("stream table \"%s\" is not restored as a member of its refresh group", row.relation),
                     errdetail("Its owner is another role.")));
        });
        return;
    }
    const auto *statement = std::find_if(std::begin(statements), std::end(statements),
                                         [&](const Statement &each) { return strcmp(each.target, row.target) == 0; });
    if (statement == std::end(statements))
        raise({.sqlstate = ERRCODE_INVALID_PARAMETER_VALUE,
               .message = "a row of pgtrickle.pgt_dumped_row is of no known table"});
    run_extension_sql(statement->sql, {row.content});
}

} // namespace

} // namespace pgtrickle

/* Returns no row, so that none is stored. */
SQL_FUNCTION(pgtrickle_restore_row)
{
    pgtrickle::restore_row(fcinfo);
    return PointerGetDatum(nullptr);
}
