#include "refresh/sets/refresh_groups.hpp"

#include "definition/state/extension_table.hpp"
#include "definition/stream_table.hpp"
#include "pg/relation_row.hpp"

extern "C" {
#include "utils/builtins.h"
}

#include <algorithm>

namespace pgtrickle::refresh {

namespace {

constexpr const char *member_table = "pgt_refresh_group_member";
enum MemberColumn : int { member_relid = 1, member_group };

} // namespace

std::map<std::string, std::vector<Oid>> refresh_groups()
{
    definition::TableRows rows = call([] { return definition::rows_of(member_table); });
    std::map<std::string, std::vector<Oid>> groups;
    for (int i = 0; i < rows.count; i++) {
        Oid relid = DatumGetObjectId(rows.value(i, member_relid));
        if (call([=] { return definition::is_stream_table(relid); }))
            groups[call([&] { return TextDatumGetCString(rows.value(i, member_group)); })].push_back(relid);
    }
    for (auto &[name, members] : groups)
        std::sort(members.begin(), members.end());
    return groups;
}

std::vector<std::vector<Oid>> groups_of_owners()
{
    std::vector<std::vector<Oid>> found;
    for (const auto &[name, members] : refresh_groups()) {
        std::map<Oid, std::vector<Oid>> by_owner;
        for (Oid member : members)
            by_owner[call([=] { return owner_of_relation(member, true); })].push_back(member);
        for (auto &[owner, own] : by_owner)
            if (own.size() > 1)
                found.push_back(std::move(own));
    }
    return found;
}

namespace {

/* Whether the stream table is a member, and the only one of its group, whose name is returned. PostgreSQL frame. */
bool is_only_member(Oid relid, const char **group)
{
    const definition::TableRows rows = definition::rows_of(member_table);
    *group = nullptr;
    for (int i = 0; i < rows.count; i++)
        if (DatumGetObjectId(rows.value(i, member_relid)) == relid)
            *group = TextDatumGetCString(rows.value(i, member_group));
    for (int i = 0; *group != nullptr && i < rows.count; i++)
        if (DatumGetObjectId(rows.value(i, member_relid)) != relid &&
            strcmp(TextDatumGetCString(rows.value(i, member_group)), *group) == 0)
            return false;
    return *group != nullptr;
}

} // namespace

bool leave_group(Oid relid)
{
    const char *group;
    if (is_only_member(relid, &group))
        definition::remove_rows_named("pgt_refresh_group", 1, group);
    return definition::remove_rows_of(member_table, member_relid, relid) > 0;
}

} // namespace pgtrickle::refresh
