#include "scheduler/graph/graph.hpp"

#include <algorithm>
#include <functional>
#include <unordered_set>

namespace pgtrickle::scheduler {

namespace {

const Ids &neighbours_of(const std::unordered_map<Id, Ids> &neighbours, Id id)
{
    static const Ids none;
    auto found = neighbours.find(id);
    return found == neighbours.end() ? none : found->second;
}

Ids each_once(Ids ids)
{
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    return ids;
}

/* Nodes reached from `start`, breadth first, without `start`. */
template <class Next> Ids reached_from(Id start, Next next)
{
    std::unordered_set<Id> seen = {start};
    Ids found;
    next(start, [&](Id id) {
        if (seen.insert(id).second)
            found.push_back(id);
    });
    for (size_t i = 0; i < found.size(); i++)
        next(found[i], [&](Id id) {
            if (seen.insert(id).second)
                found.push_back(id);
        });
    return found;
}

/* A union-find structure: sets of numbers that are joined pair by pair. */
class Union {
  public:
    explicit Union(size_t size) : leaders_(size)
    {
        for (size_t i = 0; i < size; i++)
            leaders_[i] = i;
    }
    size_t leader(size_t of)
    {
        while (leaders_[of] != of)
            of = leaders_[of] = leaders_[leaders_[of]];
        return of;
    }
    void join(size_t a, size_t b) { leaders_[leader(a)] = leader(b); }

  private:
    std::vector<size_t> leaders_;
};

} // namespace

void Graph::set(Id stream_table, Ids sources)
{
    remove(stream_table);
    for (Id source : each_once(sources)) {
        Ids &dependents = dependents_[source];
        dependents.insert(std::lower_bound(dependents.begin(), dependents.end(), stream_table), stream_table);
    }
    nodes_[stream_table] = std::move(sources);
    forget_levels();
}

void Graph::remove(Id stream_table)
{
    auto found = nodes_.find(stream_table);
    if (found == nodes_.end())
        return;
    for (Id source : each_once(found->second)) {
        auto dependents = dependents_.find(source);
        Ids &ids = dependents->second;
        ids.erase(std::lower_bound(ids.begin(), ids.end(), stream_table));
        if (ids.empty())
            dependents_.erase(dependents);
    }
    nodes_.erase(found);
    forget_levels();
}

/* Clearing an empty hash table costs as much as the most that it ever contained. */
void Graph::forget_levels()
{
    if (!levels_.empty())
        levels_.clear();
}

void Graph::clear()
{
    nodes_.clear();
    dependents_.clear();
    levels_.clear();
}

Ids Graph::ids() const
{
    Ids all;
    for (const auto &[id, sources] : nodes_)
        all.push_back(id);
    std::sort(all.begin(), all.end());
    return all;
}

const Ids &Graph::direct_downstreams(Id id) const
{
    return neighbours_of(dependents_, id);
}

const Ids &Graph::sources(Id id) const
{
    return neighbours_of(nodes_, id);
}

Ids Graph::downstreams(Id id) const
{
    return reached_from(id, [&](Id from, auto &&add) {
        for (Id dependent : direct_downstreams(from))
            add(dependent);
    });
}

Ids Graph::upstreams(Id id) const
{
    return reached_from(id, [&](Id from, auto &&add) {
        for (Id source : sources(from))
            if (contains(source))
                add(source);
    });
}

/* Computes the longest paths, each node after its upstreams: linear also for ladders of diamonds. */
const std::unordered_map<Id, int> &Graph::levels() const
{
    if (!levels_.empty() || nodes_.empty())
        return levels_;
    std::unordered_map<Id, size_t> unread;
    Ids ready;
    for (const auto &[id, sources] : nodes_) {
        Ids read = each_once(sources);
        size_t count = std::count_if(read.begin(), read.end(), [&](Id source) { return contains(source); });
        levels_[id] = 0;
        unread[id] = count;
        if (count == 0)
            ready.push_back(id);
    }
    while (!ready.empty()) {
        Id done = ready.back();
        ready.pop_back();
        for (Id dependent : direct_downstreams(done)) {
            levels_[dependent] = std::max(levels_[dependent], levels_[done] + 1);
            if (--unread[dependent] == 0)
                ready.push_back(dependent);
        }
    }
    return levels_;
}

int Graph::level(Id id) const
{
    auto found = levels().find(id);
    return found == levels().end() ? 0 : found->second;
}

Ids Graph::in_order(Ids ids) const
{
    std::vector<std::pair<int, Id>> placed;
    for (Id id : ids)
        if (auto found = levels().find(id); found != levels().end())
            placed.emplace_back(found->second, id);
    std::sort(placed.begin(), placed.end());
    placed.erase(std::unique(placed.begin(), placed.end()), placed.end());
    ids.clear();
    for (const auto &[level, id] : placed)
        ids.push_back(id);
    return ids;
}

/* Each relation that a due stream table reaches is joined with its dependent; due stream tables that reach a
 * common relation are thereby joined. Every step is part of a walk that begins at a due stream table. */
std::vector<Ids> Graph::groups(const Ids &due) const
{
    Ids members = in_order(due);
    std::unordered_map<Id, size_t> number;
    Ids reached;
    auto number_of = [&](Id id) {
        auto [place, is_new] = number.emplace(id, reached.size());
        if (is_new)
            reached.push_back(id);
        return place->second;
    };
    std::vector<std::pair<size_t, size_t>> steps;
    for (Id member : members)
        (void)number_of(member);
    for (size_t i = 0; i < reached.size(); i++)
        for (Id source : sources(reached[i]))
            steps.emplace_back(i, number_of(source));
    Union joined(reached.size());
    for (const auto &[dependent, source] : steps)
        joined.join(dependent, source);
    std::unordered_map<size_t, size_t> place_of;
    std::vector<Ids> result;
    for (Id member : members) {
        size_t leader = joined.leader(number[member]);
        auto [place, is_new] = place_of.emplace(leader, result.size());
        if (is_new)
            result.emplace_back();
        result[place->second].push_back(member);
    }
    std::sort(result.begin(), result.end(), [](const Ids &a, const Ids &b) {
        return *std::min_element(a.begin(), a.end()) < *std::min_element(b.begin(), b.end());
    });
    return result;
}

} // namespace pgtrickle::scheduler
