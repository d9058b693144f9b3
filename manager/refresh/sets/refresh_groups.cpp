#include "refresh/sets/refresh_groups.hpp"

#include "definition/state/extension_table.hpp"
#include "definition/stream_table.hpp"

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

bool leave_group(Oid relid)
{
    return definition::remove_rows_of(member_table, member_relid, relid) > 0;
}

} // namespace pgtrickle::refresh
