#include "fdw/monitor/stream_table_list.hpp"

#include "definition/texts.hpp"
#include "definition/time_zone.hpp"
#include "definition/visibility.hpp"
#include "refresh/batch/holds.hpp"
#include "scheduler/graph/effective_schedule.hpp"

#include <algorithm>
#include <map>

namespace pgtrickle {

namespace {

using scheduler::Schedule;

/* Grace period beyond the schedule before a stream table counts as late: a refresh takes time, and waits for
 * others that were due earlier. */
constexpr int64_t grace_us = 5'000'000;

/* Returns when the manager refreshes them, apart from refreshes of rows that differ without a change. */
scheduler::EffectiveSchedules schedules_of(const std::vector<StreamTableInfo> &all, const scheduler::Graph &graph)
{
    std::map<scheduler::Id, scheduler::Terms> terms;
    for (const StreamTableInfo &seen : all) {
        const Definition &definition = seen.definition;
        terms[definition.relid] = {.schedule = definition.schedule,
                                   .is_diamond_atomic = definition.is_diamond_atomic,
                                   .is_diamond_slowest = definition.is_diamond_policy_slowest,
                                   .owner = definition.owner};
    }
    scheduler::EffectiveSchedules schedules;
    schedules.compute(graph, [&](scheduler::Id id) { return terms.at(id); });
    return schedules;
}

/* A duration is exceeded after twice its length: a change just after a refresh became due is applied by the
 * next one. */
bool is_late_by(const Schedule &schedule, TimestampTz since, TimestampTz now)
{
    if (schedule.kind == Schedule::Kind::duration)
        return now - since > 2 * schedule.seconds * scheduler::second_us + grace_us;
    const definition::DatabaseZone zone(call([] { return definition::published_time_zone(); }));
    return scheduler::is_due_for_reader(schedule, since, now - grace_us, zone);
}

bool is_late(const StreamTableInfo &seen, const scheduler::EffectiveSchedule &due, TimestampTz now)
{
    if (seen.hold || !seen.age.staleness_us || seen.age.own_staleness_us <= grace_us)
        return false;
    TimestampTz since = now - seen.age.own_staleness_us;
    const std::vector<Schedule> &schedules = due.schedules;
    auto is_exceeded = [=](const Schedule &schedule) { return is_late_by(schedule, since, now); };
    /* It is refreshed on each change, and when it is read. */
    if (schedules.empty())
        return seen.age.own_unapplied_us > grace_us;
    return due.waits_for_all ? std::all_of(schedules.begin(), schedules.end(), is_exceeded)
                             : std::any_of(schedules.begin(), schedules.end(), is_exceeded);
}

/* Costs a scan of small, empty tables if nothing is held. */
void find_holds(std::vector<StreamTableInfo> &all, const scheduler::Graph &graph)
{
    scheduler::Holds holds = refresh::read_holds_on([&] { return graph; });
    for (const StreamTableInfo &seen : all)
        if (seen.definition.is_frozen())
            holds.frozen.insert(seen.definition.relid);
    if (holds.is_empty())
        return;
    holds = scheduler::concerning(std::move(holds), graph);
    for (StreamTableInfo &seen : all)
        seen.hold = scheduler::hold_of(holds, graph, seen.definition.relid);
}

} // namespace

std::optional<StreamTableInfo> look_at(Oid relid)
{
    StreamTableInfo seen;
    /* Another transaction may have dropped it in the meantime. */
    if (!state::read(relid, &seen.state))
        return std::nullopt;
    std::optional<Definition> definition = definition::load_if_exists(relid);
    if (!definition)
        return std::nullopt;
    seen.definition = *std::move(definition);
    seen.age = age_of(relid, seen.state);
    seen.may_see_texts = call([=] { return definition::may_see_texts(relid); });
    seen.may_see = seen.may_see_texts || call([=] { return may_see(relid); });
    return seen;
}

scheduler::Graph graph_of(const std::vector<StreamTableInfo> &all)
{
    scheduler::Graph graph;
    for (const StreamTableInfo &seen : all) {
        scheduler::Ids sources;
        for (const Source &source : seen.definition.sources)
            sources.push_back(source.relid);
        graph.set(seen.definition.relid, std::move(sources));
    }
    return graph;
}

std::vector<StreamTableInfo> all_stream_tables()
{
    std::vector<StreamTableInfo> all;
    for (Oid relid : definition::all())
        if (std::optional<StreamTableInfo> seen = look_at(relid))
            all.push_back(std::move(*seen));
    const scheduler::Graph graph = graph_of(all);
    find_holds(all, graph);
    TimestampTz now = GetCurrentTimestamp();
    const scheduler::EffectiveSchedules schedules = schedules_of(all, graph);
    for (StreamTableInfo &seen : all)
        seen.is_late = is_late(seen, schedules.of(seen.definition.relid), now);
    return all;
}

std::vector<StreamTableInfo> visible_stream_tables()
{
    std::vector<StreamTableInfo> visible = all_stream_tables();
    std::erase_if(visible, [](const StreamTableInfo &seen) { return !seen.may_see; });
    std::sort(visible.begin(), visible.end(), [](const StreamTableInfo &a, const StreamTableInfo &b) {
        return std::tie(a.definition.schema_name, a.definition.name) <
               std::tie(b.definition.schema_name, b.definition.name);
    });
    return visible;
}

} // namespace pgtrickle
