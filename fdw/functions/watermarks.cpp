/*
 * Watermark groups, as SQL functions.
 */
#include "definition/guc.hpp"
#include "definition/state/extension_table.hpp"
#include "definition/visibility.hpp"
#include "fdw/sql/arguments.hpp"
#include "fdw/sql/extension_tables.hpp"
#include "fdw/sql/result_rows.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/relation_name.hpp"
#include "pg/versions/rights.hpp"
#include "refresh/batch/holds.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
}

#include <algorithm>
#include <cmath>

namespace pgtrickle {

namespace {

constexpr int most_groups = 100;

/* Each refresh of what reads the table, and each look of the manager for holds, visits all of its groups. */
void require_few_groups(Oid source)
{
    auto groups = run_extension_sql("SELECT FROM pgtrickle.pgt_hold WHERE kind = 'watermark' AND relation = $1::oid "
                                    "LIMIT $2::int",
                                    {std::to_string(source), std::to_string(most_groups)});
    if (groups.size() >= most_groups)
        raise({.sqlstate = ERRCODE_PROGRAM_LIMIT_EXCEEDED,
               .message = "source " + std::string(call([=] { return quoted_relation_name(source); })) +
                          " is in too many watermark groups",
               .detail = "A table can be in " + std::to_string(most_groups) + " watermark groups.",
               .hint = "Drop one with pgtrickle.drop_watermark_group()."});
}

void create_group(FunctionCallInfo fcinfo)
{
    require_writable("create_watermark_group()");
    std::string name = group_name_argument(fcinfo);
    double tolerance_s = has_argument(fcinfo, 2) ? PG_GETARG_FLOAT8(2) : 0;
    if (!(tolerance_s >= 0) || tolerance_s > 1e9)
        refuse_argument("tolerance_secs must be a number of seconds, 0 or more");
    std::vector<Oid> sources;
    for (const std::string &source : text_array(fcinfo, 1, "sources"))
        if (Oid relid = own_relation_with_data(source);
            std::find(sources.begin(), sources.end(), relid) == sources.end())
            sources.push_back(relid);
    if (sources.empty())
        refuse_argument("sources must name at least one table");
    for (Oid source : sources)
        require_few_groups(source);
    run_extension_sql("DELETE FROM pgtrickle.pgt_watermark_group g WHERE name = $1 AND NOT EXISTS "
                      "(SELECT FROM pgtrickle.pgt_hold h WHERE h.kind = 'watermark' AND h.group_name = g.name)",
                      {name});
    auto inserted =
        run_extension_sql("INSERT INTO pgtrickle.pgt_watermark_group (name, tolerance_s) VALUES ($1, $2::float8) "
                          "ON CONFLICT DO NOTHING RETURNING 1",
                          {name, call([=] { return psprintf("%.17g", tolerance_s); })});
    if (inserted.empty())
        raise({.sqlstate = ERRCODE_DUPLICATE_OBJECT, .message = "watermark group \"" + name + "\" already exists"});
    for (Oid source : sources)
        run_extension_sql(
            "INSERT INTO pgtrickle.pgt_hold (kind, relation, group_name, by_role) VALUES ('watermark', $1::oid, "
            "$2, $3)",
            {std::to_string(source), name, current_role()});
    mailbox::note_definition_change();
}

const scheduler::WatermarkGroup *find_group(const scheduler::Holds &holds, const std::string &name)
{
    const auto found = std::lower_bound(
        holds.groups.begin(), holds.groups.end(), name,
        [](const scheduler::WatermarkGroup &group, const std::string &wanted) { return group.name < wanted; });
    return found != holds.groups.end() && found->name == name ? &*found : nullptr;
}

void require_owner_of_all(const std::vector<Oid> &sources)
{
    for (Oid source : sources)
        call([=] {
            if (get_rel_name(source) != nullptr && !owns_relation(source))
                aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(get_rel_relkind(source)), get_rel_name(source));
        });
}

/* The first check refuses without a wait for locks, and the second one what was not there at the first. */
void drop_group(FunctionCallInfo fcinfo)
{
    require_writable("drop_watermark_group()");
    std::string name = group_name_argument(fcinfo);
    scheduler::Holds holds = refresh::read_holds();
    if (const scheduler::WatermarkGroup *group = find_group(holds, name); group != nullptr)
        require_owner_of_all(group->sources);
    require_owner_of_all(delete_group(
        "watermark", name, "DELETE FROM pgtrickle.pgt_watermark_group WHERE name = $1",
        "DELETE FROM pgtrickle.pgt_hold WHERE kind = 'watermark' AND group_name = $1 RETURNING relation::oid"));
    mailbox::note_definition_change();
}

std::string time_text(TimestampTz time)
{
    return call([=] { return pstrdup(timestamptz_to_str(time)); });
}

void advance(FunctionCallInfo fcinfo)
{
    require_writable("advance_watermark()");
    Oid source = own_relation_with_data(required_text(fcinfo, 0, "source"));
    if (!has_argument(fcinfo, 1))
        refuse_argument("watermark must not be NULL");
    TimestampTz watermark = PG_GETARG_TIMESTAMPTZ(1);
    auto advanced = run_extension_sql(
        "INSERT INTO pgtrickle.pgt_watermark AS w (source, watermark, advanced_at, advanced_by) "
        "VALUES ($1::oid, $2::timestamptz, clock_timestamp(), $3) ON CONFLICT (source) DO UPDATE SET "
        "watermark = excluded.watermark, advanced_at = excluded.advanced_at, advanced_by = excluded.advanced_by "
        "WHERE w.watermark <= excluded.watermark RETURNING 1",
        {std::to_string(source), time_text(watermark), current_role()});
    if (advanced.empty())
        call([=] {
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("invalid argument: the watermark of source %s cannot go back",
                                   quoted_relation_name(source)),
                            errhint("See pgtrickle.watermarks() for its current value.")));
        });
    mailbox::note_definition_change();
}

enum WatermarkColumn : int { watermark_source = 1, watermark_value, watermark_at, watermark_by };

void list_watermarks(FunctionCallInfo fcinfo)
{
    Rows rows(fcinfo);
    definition::TableRows found = call([] { return definition::rows_of("pgt_watermark"); });
    for (int i = 0; i < found.count; i++) {
        Oid source = DatumGetObjectId(found.value(i, watermark_source));
        const RelationName shown = call([=] { return name_if_visible(source); });
        if (shown.name == nullptr)
            continue;
        rows.text(shown.name).text(shown.schema);
        rows.copy(found, i, watermark_value).copy(found, i, watermark_at).copy(found, i, watermark_by);
        rows.add();
    }
}

enum GroupColumn : int { group_column_name = 1, group_tolerance, group_created };

void list_groups(FunctionCallInfo fcinfo)
{
    Rows rows(fcinfo);
    scheduler::Holds holds = refresh::read_holds();
    definition::TableRows found = call([] { return definition::rows_of("pgt_watermark_group"); });
    for (int i = 0; i < found.count; i++) {
        std::string name = call([&] { return TextDatumGetCString(found.value(i, group_column_name)); });
        const scheduler::WatermarkGroup *group = find_group(holds, name);
        if (group == nullptr || !refresh::may_show_all(group->sources))
            continue;
        rows.text(name).datum(name_array(group->sources), TEXTARRAYOID);
        rows.copy(found, i, group_tolerance).copy(found, i, group_created).add();
    }
}

} // namespace

} // namespace pgtrickle

SQL_FUNCTION(pgtrickle_create_watermark_group)
{
    pgtrickle::create_group(fcinfo);
    PG_RETURN_VOID();
}

SQL_FUNCTION(pgtrickle_drop_watermark_group)
{
    pgtrickle::drop_group(fcinfo);
    PG_RETURN_VOID();
}

SQL_FUNCTION(pgtrickle_advance_watermark)
{
    pgtrickle::advance(fcinfo);
    PG_RETURN_VOID();
}

SQL_FUNCTION(pgtrickle_watermarks)
{
    pgtrickle::list_watermarks(fcinfo);
    return 0;
}

SQL_FUNCTION(pgtrickle_watermark_groups)
{
    pgtrickle::list_groups(fcinfo);
    return 0;
}
