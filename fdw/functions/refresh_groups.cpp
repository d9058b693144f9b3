/*
 * Refresh groups, as SQL functions.
 */
#include "refresh/sets/refresh_groups.hpp"
#include "definition/guc.hpp"
#include "definition/options.hpp"
#include "definition/state/extension_table.hpp"
#include "definition/state/state.hpp"
#include "definition/stream_table.hpp"
#include "definition/visibility.hpp"
#include "fdw/sql/arguments.hpp"
#include "fdw/sql/extension_tables.hpp"
#include "fdw/sql/result_rows.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/relation_row.hpp"
#include "pg/rights.hpp"
#include "pg/versions/rights.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "commands/trigger.h"
#include "utils/rel.h"
}

#include <algorithm>

namespace pgtrickle {

namespace {

/* Returns the isolation level of the group. All members are refreshed under one snapshot at both levels,
 * which satisfies the weaker one too. */
std::string isolation_of(FunctionCallInfo fcinfo)
{
    std::string isolation = options::lower(text_argument(fcinfo, 2).value_or("repeatable_read"));
    if (isolation != "repeatable_read" && isolation != "read_committed")
        refuse_argument("isolation \"" + isolation + "\"", "Valid values are: repeatable_read, read_committed.");
    return isolation;
}

/* Their code runs in one process (refresh/sets/refresh_groups.hpp). */
void require_one_owner(const std::vector<Oid> &members)
{
    const Oid owner = call([&] { return owner_of_relation(members.front()); });
    for (Oid relid : members)
        call([=] {
            if (owner_of_relation(relid) != owner)
                ereport(ERROR,
                        (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                         errmsg("the stream tables of a refresh group must have one owner"),
                         errdetail("Stream table %s is owned by \"%s\", and another one by \"%s\".",
                                   definition::qualified_name(relid),
                                   GetUserNameFromId(owner_of_relation(relid), false), GetUserNameFromId(owner, false)),
                         errhint("Give all of them to one role, which needs no attributes.")));
        });
}

void create_group(FunctionCallInfo fcinfo)
{
    require_writable("create_refresh_group()");
    std::string name = group_name_argument(fcinfo);
    std::string isolation = isolation_of(fcinfo);
    std::vector<Oid> members;
    for (const std::string &member : text_array(fcinfo, 1, "members")) {
        Oid relid = call([&] { return locked_stream_table(owned_stream_table, member.c_str(), AccessShareLock); });
        if (std::find(members.begin(), members.end(), relid) == members.end())
            members.push_back(relid);
    }
    if (members.size() < 2)
        refuse_argument("a refresh group needs at least two stream tables");
    require_one_owner(members);
    call([] { state::invalidate_refresh_sets(); });
    run_extension_sql("DELETE FROM pgtrickle.pgt_refresh_group g WHERE name = $1 AND NOT EXISTS "
                      "(SELECT FROM pgtrickle.pgt_refresh_group_member m WHERE m.group_name = g.name)",
                      {name});
    if (run_extension_sql(
            "INSERT INTO pgtrickle.pgt_refresh_group (name, isolation) VALUES ($1, $2) ON CONFLICT DO NOTHING "
            "RETURNING 1",
            {name, isolation})
            .empty())
        raise({.sqlstate = ERRCODE_DUPLICATE_OBJECT, .message = "refresh group \"" + name + "\" already exists"});
    for (Oid relid : members)
        if (run_extension_sql(
                "INSERT INTO pgtrickle.pgt_refresh_group_member VALUES ($1::oid, $2) ON CONFLICT DO NOTHING "
                "RETURNING 1",
                {std::to_string(relid), name})
                .empty())
            raise({.sqlstate = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                   .message = std::string("stream table ") + call([=] { return definition::qualified_name(relid); }) +
                              " is in another refresh group",
                   .hint = "Drop that group first."});
    mailbox::note_definition_change();
}

std::vector<Oid> members_of(const std::string &name)
{
    std::map<std::string, std::vector<Oid>> groups = refresh::refresh_groups();
    auto found = groups.find(name);
    return found == groups.end() ? std::vector<Oid>() : found->second;
}

void require_owner_of_all(const std::vector<Oid> &members)
{
    for (Oid relid : members)
        call([=] {
            if (definition::is_stream_table(relid))
                definition::require_owner(relid);
        });
}

/* The first check refuses without a wait for locks, and the second one what was not there at the first. */
void drop_group(FunctionCallInfo fcinfo)
{
    require_writable("drop_refresh_group()");
    std::string name = group_name_argument(fcinfo);
    require_owner_of_all(members_of(name));
    call([] { state::invalidate_refresh_sets(); });
    require_owner_of_all(
        delete_group("refresh", name, "DELETE FROM pgtrickle.pgt_refresh_group WHERE name = $1",
                     "DELETE FROM pgtrickle.pgt_refresh_group_member WHERE group_name = $1 RETURNING relid::oid"));
    mailbox::note_definition_change();
}

enum GroupColumn : int { group_column_name = 1, group_isolation, group_created };

void list_groups(FunctionCallInfo fcinfo)
{
    Rows rows(fcinfo);
    std::map<std::string, std::vector<Oid>> groups = refresh::refresh_groups();
    definition::TableRows found = call([] { return definition::rows_of("pgt_refresh_group"); });
    for (int i = 0; i < found.count; i++) {
        const std::vector<Oid> &members =
            groups[call([&] { return TextDatumGetCString(found.value(i, group_column_name)); })];
        const bool is_shown = !members.empty() && std::all_of(members.begin(), members.end(), [](Oid relid) {
            return call([=] { return may_see(relid); });
        });
        if (!is_shown)
            continue;
        rows.copy(found, i, group_column_name).datum(name_array(members), TEXTARRAYOID);
        rows.copy(found, i, group_isolation).copy(found, i, group_created).add();
    }
}

/* The owner of the database may write to the table, to restore a dump: it decides for its own stream tables only.
 * PostgreSQL frame. */
HeapTuple checked_member(FunctionCallInfo fcinfo)
{
    if (!CALLED_AS_TRIGGER(fcinfo))
        elog(ERROR, "not called as a trigger");
    const auto *data = reinterpret_cast<TriggerData *>(fcinfo->context);
    const HeapTuple row = TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? data->tg_newtuple : data->tg_trigtuple;
    bool is_null;
    const Oid relid = DatumGetObjectId(heap_getattr(row, 1, RelationGetDescr(data->tg_relation), &is_null));
    if (!object_ownercheck(RelationRelationId, relid, calling_user()))
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("must be owner of stream table %s", definition::qualified_name(relid))));
    return row;
}

} // namespace

} // namespace pgtrickle

SQL_FUNCTION(pgtrickle_check_group_member)
{
    return PointerGetDatum(pgtrickle::checked_member(fcinfo));
}

SQL_FUNCTION(pgtrickle_create_refresh_group)
{
    pgtrickle::create_group(fcinfo);
    PG_RETURN_VOID();
}

SQL_FUNCTION(pgtrickle_drop_refresh_group)
{
    pgtrickle::drop_group(fcinfo);
    PG_RETURN_VOID();
}

SQL_FUNCTION(pgtrickle_refresh_groups)
{
    pgtrickle::list_groups(fcinfo);
    return 0;
}
