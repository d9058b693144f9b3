/*
 * From each member a walk goes upstream to everything that it reads, and from each relation found there a
 * walk goes downstream to everything that reads it: a stream table found on the way downstream shares a
 * relation with the member. Each relation is visited once in each direction.
 */
#include "scheduler/graph/refresh_batch.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <unordered_set>

namespace pgtrickle::scheduler {

namespace {

class Search {
  public:
    Search(const Graph &graph, const std::function<Candidate(Id)> &candidate) : graph_(graph), candidate_(candidate) {}

    Ids run(Id start)
    {
        above_.insert(start);
        admit(start, candidate_(start));
        while (!open_.empty()) {
            Id member = open_.back();
            open_.pop_back();
            walk_down(member);
        }
        return graph_.in_order(members_);
    }

  private:
    void walk_down(Id member)
    {
        Ids ways = {member};
        while (!ways.empty()) {
            Id id = ways.back();
            ways.pop_back();
            if (!below_.insert(id).second)
                continue;
            walk_up(id);
            for (Id source : graph_.sources(id))
                ways.push_back(source);
        }
    }

    void walk_up(Id id)
    {
        Ids ways = {id};
        for (size_t i = 0; i < ways.size(); i++) {
            if (i > 0 || graph_.contains(id))
                meet(ways[i]);
            for (Id reader : graph_.direct_downstreams(ways[i]))
                if (walked_up_.insert(reader).second)
                    ways.push_back(reader);
        }
    }

    void meet(Id id)
    {
        if (!above_.insert(id).second)
            return;
        Candidate found = candidate_(id);
        if (found.is_wanted)
            admit(id, found);
        else if (found.is_free)
            candidates_.push_back({id, found});
        /* A candidate that is visited before a wanted one of its schedules waits for that one in
         * candidates_. */
        if (found.is_free && !found.is_wanted && is_known(*found.schedules))
            admit_optional(*found.schedules);
    }

    bool is_known(const std::vector<Schedule> &schedules) const
    {
        return std::any_of(schedules_.begin(), schedules_.end(), [&](auto *known) { return *known == schedules; });
    }

    void add(Id id, const Candidate &found)
    {
        members_.push_back(id);
        open_.push_back(id);
        if (found.group_members == nullptr)
            return;
        for (Id member : *found.group_members)
            add_group_member(member);
    }

    void add_group_member(Id id)
    {
        auto waiting =
            std::find_if(candidates_.begin(), candidates_.end(), [&](const auto &other) { return other.first == id; });
        if (waiting != candidates_.end()) {
            candidates_.erase(waiting);
        } else if (!above_.insert(id).second) {
            return;
        }
        Candidate found = candidate_(id);
        if (found.is_wanted)
            admit(id, found);
        else if (found.is_free)
            add(id, found);
    }

    void admit(Id id, const Candidate &found)
    {
        add(id, found);
        if (is_known(*found.schedules))
            return;
        schedules_.push_back(found.schedules);
        admit_optional(*found.schedules);
    }

    void admit_optional(const std::vector<Schedule> &schedules)
    {
        for (size_t i = 0; i < candidates_.size();) {
            auto [id, found] = candidates_[i];
            if (*found.schedules != schedules) {
                i++;
                continue;
            }
            candidates_[i] = candidates_.back();
            candidates_.pop_back();
            add(id, found);
            i = 0; /* start again: adding it may have removed its group members from the list */
        }
    }

    const Graph &graph_;
    const std::function<Candidate(Id)> &candidate_;
    Ids members_;
    Ids open_; /* members from which no walk upstream has started yet */
    std::unordered_set<Id> below_, walked_up_, above_;
    std::vector<const std::vector<Schedule> *> schedules_; /* of the wanted members */
    std::vector<std::pair<Id, Candidate>> candidates_;
};

} // namespace

Ids batch_of(const Graph &graph, Id start, const std::function<Candidate(Id)> &candidate)
{
    return Search(graph, candidate).run(start);
}

namespace {

/* Stream tables downstream of `ids` on a path that has a foreign one, foreign ones included. */
std::unordered_set<Id> above_foreign(const Graph &graph, const Ids &ids, const std::function<bool(Id)> &is_foreign)
{
    std::unordered_set<Id> plain(ids.begin(), ids.end()), behind;
    Ids open = ids, open_behind;
    auto walk = [&](Id id, bool is_behind) {
        for (Id reader : graph.direct_downstreams(id)) {
            const bool is_reader_behind = is_behind || is_foreign(reader);
            if ((is_reader_behind ? behind : plain).insert(reader).second)
                (is_reader_behind ? open_behind : open).push_back(reader);
        }
    };
    while (!open.empty() || !open_behind.empty()) {
        Ids &next = open.empty() ? open_behind : open;
        const bool is_behind = open.empty();
        const Id id = next.back();
        next.pop_back();
        walk(id, is_behind);
    }
    return behind;
}

} // namespace

Ids without_foreign_between(const Graph &graph, Id start, const Ids &batch, const std::function<bool(Id)> &is_foreign,
                            const std::function<bool(Id)> &is_fixed)
{
    Ids result;
    std::copy_if(batch.begin(), batch.end(), std::back_inserter(result), [&](Id member) {
        return member == start || is_fixed(member) || above_foreign(graph, {member}, is_foreign).count(start) == 0;
    });
    const std::unordered_set<Id> behind = above_foreign(graph, result, is_foreign);
    std::erase_if(result, [&](Id member) { return member != start && !is_fixed(member) && behind.count(member) != 0; });
    return result;
}

Ids with_required(const Graph &graph, const AtomicSets &sets, const Ids &members, const std::function<bool(Id)> &comes)
{
    std::unordered_set<Id> known;
    Ids result;
    auto add = [&](Id id) {
        if (graph.contains(id) && known.insert(id).second)
            result.push_back(id);
    };
    for (Id member : members)
        add(member);
    for (size_t i = 0; i < result.size(); i++) {
        for (Id other : sets.of(result[i]))
            add(other);
        const Ids sources = graph.sources(result[i]);
        for (Id source : sources)
            if (graph.contains(source) && known.count(source) == 0 && comes(source))
                add(source);
    }
    return graph.in_order(std::move(result));
}

Ids with_upstreams(const Graph &graph, const Ids &members)
{
    Ids result = members;
    std::unordered_set<Id> known(members.begin(), members.end());
    for (size_t i = 0; i < result.size(); i++) {
        Ids sources = graph.sources(result[i]);
        for (Id source : sources)
            if (graph.contains(source) && known.insert(source).second)
                result.push_back(source);
    }
    return result;
}

Ids with_all_upstreams(const Graph &graph, Id id)
{
    Ids result = {id};
    std::unordered_set<Id> known = {id};
    for (size_t i = 0; i < result.size(); i++)
        for (Id source : Ids(graph.sources(result[i])))
            if (known.insert(source).second)
                result.push_back(source);
    return result;
}

} // namespace pgtrickle::scheduler
