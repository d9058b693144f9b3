/*
 * diamond_groups, as an SQL function: the atomic sets as the manager and refreshes form them, and the diamonds whose
 * apexes ask for none.
 *
 * Owners decide what is a diamond, and members that the user may not see bind those that it may see: so groups are
 * found among all stream tables, and only then are members left out.
 */
#include "fdw/monitor/stream_table_list.hpp"
#include "fdw/sql/result_rows.hpp"
#include "scheduler/graph/atomic_sets.hpp"

#include <algorithm>
#include <map>

namespace pgtrickle {

namespace {

using scheduler::Id;
using scheduler::Ids;

struct DiamondGroup {
    Ids members; /* apexes included */
    Ids apexes;
    bool is_atomic = false;
    bool is_slowest = false;

    bool is_apex(Id id) const { return std::find(apexes.begin(), apexes.end(), id) != apexes.end(); }
};

class Grouping {
  public:
    explicit Grouping(const std::vector<StreamTableInfo> &all) : graph_(graph_of(all))
    {
        for (const StreamTableInfo &seen : all)
            stream_tables_.emplace(seen.definition.relid, &seen);
        add_atomic_sets();
        add_others();
    }
    const std::vector<DiamondGroup> &groups() const { return groups_; }
    const std::map<Id, const StreamTableInfo *> &stream_tables() const { return stream_tables_; }

  private:
    const Definition &definition_of(Id id) const { return stream_tables_.at(id)->definition; }
    void add_atomic_sets();
    void add_others();

    scheduler::Graph graph_;
    std::map<Id, const StreamTableInfo *> stream_tables_;
    std::vector<DiamondGroup> groups_;
};

void Grouping::add_atomic_sets()
{
    Ids apexes;
    const scheduler::AtomicSets sets = scheduler::find_atomic_sets(
        graph_, graph_.ids(), [&](Id id) { return definition_of(id).is_diamond_atomic; },
        [&](Id id) { return definition_of(id).owner; }, &apexes);
    for (const auto &[first, members] : sets.all()) {
        DiamondGroup group = {members, {}, true, true};
        for (Id apex : apexes)
            if (sets.first_of(apex) == first) {
                group.apexes.push_back(apex);
                group.is_slowest &= definition_of(apex).is_diamond_policy_slowest;
            }
        groups_.push_back(std::move(group));
    }
}

void Grouping::add_others()
{
    for (const auto &[id, seen] : stream_tables_) {
        if (seen->definition.is_diamond_atomic)
            continue;
        Ids members = graph_.diamond_of(id, [&](Id other) { return definition_of(other).owner; });
        if (members.empty())
            continue;
        members.push_back(id);
        groups_.push_back({std::move(members), {id}, false, seen->definition.is_diamond_policy_slowest});
    }
}

using Seen = std::vector<const StreamTableInfo *>;

/* Returns the members that the user may see, by name, apexes last. */
Seen seen_of(const DiamondGroup &group, const std::map<Id, const StreamTableInfo *> &all)
{
    Seen seen;
    for (Id member : group.members)
        if (all.at(member)->may_see)
            seen.push_back(all.at(member));
    std::sort(seen.begin(), seen.end(), [&](const StreamTableInfo *a, const StreamTableInfo *b) {
        const bool is_apex_a = group.is_apex(a->definition.relid), is_apex_b = group.is_apex(b->definition.relid);
        return std::tie(is_apex_a, a->definition.schema_name, a->definition.name) <
               std::tie(is_apex_b, b->definition.schema_name, b->definition.name);
    });
    return seen;
}

void add_rows(Rows &rows, const DiamondGroup &group, const Seen &members, int number)
{
    for (const StreamTableInfo *seen : members) {
        const Definition &definition = seen->definition;
        rows.text(definition.schema_name)
            .text(definition.name)
            .integer(number)
            .boolean(group.is_apex(definition.relid));
        rows.text(group.is_atomic ? "atomic" : "none").text(group.is_slowest ? "slowest" : "fastest").add();
    }
}

/* Groups are numbered by the names of their first visible members. */
void list_groups(FunctionCallInfo fcinfo)
{
    Rows rows(fcinfo);
    const std::vector<StreamTableInfo> all = all_stream_tables();
    const Grouping grouping(all);
    using Shown = std::pair<const DiamondGroup *, Seen>;
    std::vector<Shown> shown;
    for (const DiamondGroup &group : grouping.groups())
        if (Seen seen = seen_of(group, grouping.stream_tables()); !seen.empty())
            shown.emplace_back(&group, std::move(seen));
    std::sort(shown.begin(), shown.end(),
              [](const Shown &a, const Shown &b) { return a.second.front()->name() < b.second.front()->name(); });
    int number = 0;
    for (const auto &[group, members] : shown)
        add_rows(rows, *group, members, ++number);
}

} // namespace

} // namespace pgtrickle

SQL_FUNCTION(pgtrickle_diamond_groups)
{
    pgtrickle::list_groups(fcinfo);
    return 0;
}
