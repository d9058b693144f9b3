#include "scheduler/graph/hold.hpp"

#include <algorithm>

namespace pgtrickle::scheduler {

namespace {

/* Whether `source`, or a relation that a write to it reaches, is among `reached`: all relations that a stream
 * table is computed from. */
bool meets(const Holds &holds, const std::set<Id> &reached, Id source)
{
    if (reached.count(source) != 0)
        return true;
    auto found = holds.relatives.find(source);
    return found != holds.relatives.end() &&
           std::any_of(found->second.begin(), found->second.end(), [&](Id id) { return reached.count(id) != 0; });
}

/* Whether two of its sources must fit each other; a group of one source is about that source. */
bool meets_group(const Holds &holds, const std::set<Id> &reached, const WatermarkGroup &group)
{
    const auto met = std::count_if(group.sources.begin(), group.sources.end(),
                                   [&](Id source) { return meets(holds, reached, source); });
    return met >= std::min<std::ptrdiff_t>(2, static_cast<std::ptrdiff_t>(group.sources.size())) && met > 0;
}

std::set<Id> made_from(const Graph &graph, Id stream_table)
{
    std::set<Id> reached;
    Ids open = {stream_table};
    while (!open.empty()) {
        Id next = open.back();
        open.pop_back();
        for (Id source : graph.sources(next))
            if (reached.insert(source).second)
                open.push_back(source);
    }
    return reached;
}

std::optional<Hold> hold_on_data(const Holds &holds, const Graph &graph, Id stream_table)
{
    if (holds.gated.empty() && holds.groups.empty())
        return std::nullopt;
    std::set<Id> reached = made_from(graph, stream_table);
    for (Id source : holds.gated)
        if (meets(holds, reached, source))
            return Hold{Hold::Kind::gated, source, {}, {source}};
    for (const WatermarkGroup &group : holds.groups) {
        if (!meets_group(holds, reached, group))
            continue;
        Id laggard = 0;
        std::optional<Microseconds> advanced = advanced_to(holds, group, &laggard);
        if (!advanced)
            return Hold{Hold::Kind::not_advanced, laggard, group.name, group.sources};
        auto applied = holds.applied_watermarks.find({stream_table, group.name});
        if (applied != holds.applied_watermarks.end() && *advanced <= applied->second)
            return Hold{Hold::Kind::not_advanced, 0, group.name, group.sources};
    }
    return std::nullopt;
}

} // namespace

bool Holds::is_empty() const
{
    return !is_draining && !is_all_paused && paused.empty() && frozen.empty() && gated.empty() && groups.empty();
}

std::optional<Microseconds> advanced_to(const Holds &holds, const WatermarkGroup &group, Id *laggard)
{
    std::optional<Microseconds> least;
    Microseconds greatest = INT64_MIN;
    Id last = 0;
    for (Id source : group.sources) {
        auto found = holds.watermarks.find(source);
        if (found == holds.watermarks.end()) {
            if (laggard != nullptr)
                *laggard = source;
            return std::nullopt;
        }
        greatest = std::max(greatest, found->second);
        if (!least || found->second < *least) {
            least = found->second;
            last = source;
        }
    }
    /* A watermark may be -infinity or infinity: the difference fits only into an unsigned number. */
    if (least &&
        static_cast<uint64_t>(greatest) - static_cast<uint64_t>(*least) > static_cast<uint64_t>(group.tolerance_us)) {
        if (laggard != nullptr)
            *laggard = last;
        return std::nullopt;
    }
    return least;
}

bool concerns(const Holds &holds, const WatermarkGroup &group, const Graph &graph, Id stream_table)
{
    return meets_group(holds, made_from(graph, stream_table), group);
}

std::set<Id> leading_to(const Holds &holds, const WatermarkGroup &group, const Graph &graph, Id stream_table)
{
    std::set<Id> leading;
    for (Id upstream : graph.in_order(graph.upstreams(stream_table))) {
        const std::set<Id> read(graph.sources(upstream).begin(), graph.sources(upstream).end());
        if (std::any_of(read.begin(), read.end(), [&](Id id) { return leading.count(id) != 0; }) ||
            std::any_of(group.sources.begin(), group.sources.end(), [&](Id id) { return meets(holds, read, id); }))
            leading.insert(upstream);
    }
    return leading;
}

Holds concerning(Holds holds, const Graph &graph)
{
    std::set<Id> read;
    for (Id id : graph.ids())
        read.insert(graph.sources(id).begin(), graph.sources(id).end());
    std::erase_if(holds.gated, [&](Id source) { return !meets(holds, read, source); });
    std::erase_if(holds.groups, [&](const WatermarkGroup &group) { return !meets_group(holds, read, group); });
    return holds;
}

std::optional<Hold> hold_of(const Holds &holds, const Graph &graph, Id stream_table)
{
    if (std::optional<Hold> hold = hold_on_data(holds, graph, stream_table))
        return hold;
    if (holds.is_draining)
        return Hold{Hold::Kind::drained, 0, {}};
    if (holds.is_all_paused)
        return Hold{Hold::Kind::all_paused, 0, {}};
    if (holds.paused.count(stream_table) != 0)
        return Hold{Hold::Kind::paused, 0, {}};
    if (holds.frozen.count(stream_table) != 0)
        return Hold{Hold::Kind::frozen, 0, {}};
    return std::nullopt;
}

bool stops(const Hold &hold, RequestedBy requested_by, bool by_name)
{
    if (hold.is_about_data() || requested_by != RequestedBy::owner)
        return true;
    bool is_of_one = hold.kind == Hold::Kind::paused || hold.kind == Hold::Kind::frozen;
    return is_of_one && !by_name;
}

} // namespace pgtrickle::scheduler
