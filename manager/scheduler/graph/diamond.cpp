/*
 * Where paths part and meet again.
 *
 *          r              Either every path from d to r can be cut at one relation, or there are two paths
 *         / \             that have nothing in common but their ends: then they meet in d, and in nothing
 *        a   b  ...       between d and r. A diamond of d hence parts at r if and only if the paths by which
 *         \ /             the dependents of r are reached begin differently. The diamond consists of what lies
 *          d              on the paths between.
 *
 * How all paths to a relation begin is known after one pass over what d reaches, each relation after its
 * dependents: as the paths to its dependents do, if these agree; if they do not agree, and for a relation that d
 * itself reads, the paths begin with the relation.
 */
#include "scheduler/graph/diamond.hpp"

#include <algorithm>

namespace pgtrickle::scheduler {

DiamondSearch::DiamondSearch(const Graph &graph, const Ids &ids, const std::function<Id(Id)> &owner_of)
{
    Ids stream_tables = graph.in_order(ids);
    std::reverse(stream_tables.begin(), stream_tables.end());
    stream_table_count_ = static_cast<Number>(stream_tables.size());
    for (Id id : stream_tables) {
        number_.emplace(id, static_cast<Number>(relations_.size()));
        relations_.push_back({id, owner_of ? owner_of(id) : 0, {}});
    }
    for (Number i = 0; i < stream_table_count_; i++) {
        std::vector<Number> sources;
        for (Id source : graph.sources(relations_[i].id)) {
            auto [place, is_new] = number_.emplace(source, static_cast<Number>(relations_.size()));
            if (is_new)
                relations_.push_back({source, 0, {}});
            if (place->second > i) /* false if there is a cycle */
                sources.push_back(place->second);
        }
        std::sort(sources.begin(), sources.end());
        sources.erase(std::unique(sources.begin(), sources.end()), sources.end());
        relations_[i].sources = std::move(sources);
    }
    paths_.resize(relations_.size());
}

void DiamondSearch::reach(Number relation, Number from)
{
    PathState &path = paths_[relation];
    if (!path.is_open) {
        path = {from, true, false, false};
        open_count_++;
    } else if (path.from != from) {
        path.from = relation;
        path.is_parting = is_parted_ = true;
    }
}

bool DiamondSearch::walk(Number apex, Until until)
{
    reached_.clear();
    is_parted_ = false;
    for (Number source : relations_[apex].sources)
        reach(source, source);
    for (Number i = apex + 1; open_count_ > 0; i++) {
        if (!paths_[i].is_open)
            continue;
        paths_[i].is_open = false;
        open_count_--;
        if (relations_[i].owner != relations_[apex].owner)
            continue;
        reached_.push_back(i);
        if (is_parted_ && until == Until::first_parting)
            continue; /* only to close what is open */
        for (Number source : relations_[i].sources)
            reach(source, paths_[i].from);
    }
    return is_parted_;
}

/* In reverse order, each relation before those that read it. */
void DiamondSearch::collect()
{
    members_.clear();
    for (auto reached = reached_.rbegin(); reached != reached_.rend(); ++reached) {
        PathState &path = paths_[*reached];
        for (Number source : relations_[*reached].sources)
            path.is_on_one = path.is_on_one || paths_[source].is_parting || paths_[source].is_on_one;
        if (path.is_on_one)
            members_.push_back(*reached);
    }
}

Ids DiamondSearch::of(Id apex)
{
    Ids members;
    auto found = number_.find(apex);
    if (found == number_.end() || relations_[found->second].sources.size() < 2)
        return members;
    if (walk(found->second, Until::end))
        collect();
    else
        members_.clear();
    for (Number member : members_)
        members.push_back(relations_[member].id);
    return members;
}

Ids Graph::diamond_of(Id id, const std::function<Id(Id)> &owner_of) const
{
    Ids reached = upstreams(id);
    reached.push_back(id);
    return DiamondSearch(*this, reached, owner_of).of(id);
}

} // namespace pgtrickle::scheduler
