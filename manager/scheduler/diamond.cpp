/*
 * Where ways part and meet again.
 *
 *          r              Every way from d to r could be cut at one relation, or else there are two that
 *         / \             have nothing in common but their ends: then d, and nothing between d and r, is where
 *        a   b  ...       they meet. The last relation that all ways from d to r pass is r's dominator; so r is
 *         \ /             where a diamond of d parts iff its dominator is d itself, and two ways lead there.
 *          d              The diamond is what lies on the ways between.
 *
 * Dominators are found in one pass over what d reaches, each relation after its readers: that of a relation is the
 * nearest one common to those of its readers.
 */
#include "scheduler/graph.hpp"

#include <algorithm>
#include <unordered_map>

namespace pgtrickle::scheduler {

namespace {

/* What an apex reaches, numbered so that each comes after those that read it; the apex is 0. */
struct Below {
    Ids ids;
    std::vector<std::vector<size_t>> readers; /* of each, its numbers ascending, each once */
};

Below below(const Graph &graph, Id apex)
{
    Ids reached = graph.upstreams(apex);
    reached.push_back(apex);
    Below result;
    result.ids = graph.in_order(std::move(reached));
    std::reverse(result.ids.begin(), result.ids.end());
    const size_t count = result.ids.size(); /* stream tables; tables follow */
    std::unordered_map<Id, size_t> number;
    for (size_t i = 0; i < count; i++)
        number[result.ids[i]] = i;
    result.readers.resize(count);
    for (size_t i = 0; i < count; i++)
        for (Id source : graph.sources(result.ids[i])) {
            auto [place, is_new] = number.emplace(source, result.ids.size());
            if (is_new) {
                result.ids.push_back(source);
                result.readers.emplace_back();
            }
            std::vector<size_t> &readers = result.readers[place->second];
            if (readers.empty() || readers.back() != i)
                readers.push_back(i);
        }
    return result;
}

/* Of each, the last relation that every way from the apex to it passes. */
std::vector<size_t> dominators(const Below &below)
{
    std::vector<size_t> dominator(below.ids.size(), 0);
    for (size_t i = 1; i < below.ids.size(); i++) {
        const std::vector<size_t> &readers = below.readers[i];
        size_t common = readers.front();
        for (size_t other : readers)
            while (common != other) {
                size_t &later = common > other ? common : other;
                later = dominator[later];
            }
        dominator[i] = common;
    }
    return dominator;
}

} // namespace

Ids Graph::diamond_of(Id id) const
{
    if (!contains(id) || sources(id).size() < 2)
        return {};
    const Below reached = below(*this, id);
    const std::vector<size_t> dominator = dominators(reached);
    /* Backwards, each before those that read it: what leads to a relation where ways part is on one of them. */
    std::vector<bool> leads_there(reached.ids.size(), false);
    Ids members;
    for (size_t i = reached.ids.size(); i-- > 1;) {
        if (leads_there[i])
            members.push_back(reached.ids[i]);
        bool is_parting = dominator[i] == 0 && reached.readers[i].size() > 1;
        if (is_parting || leads_there[i])
            for (size_t reader : reached.readers[i])
                leads_there[reader] = true;
    }
    return in_order(std::move(members));
}

} // namespace pgtrickle::scheduler
