#include "scheduler/share.hpp"

#include <algorithm>
#include <unordered_set>

namespace pgtrickle::scheduler {

int share_of(int setting, int workers)
{
    return std::max(1, setting == 0 ? workers - 1 : std::min(setting, workers));
}

Ids needed_before(const Graph &graph, const Ids &members, const std::function<Below(Id)> &look)
{
    Ids needed, open = members;
    std::unordered_set<Id> known(members.begin(), members.end());
    while (!open.empty()) {
        const Ids sources = graph.sources(open.back());
        open.pop_back();
        for (Id source : sources) {
            if (!graph.contains(source) || !known.insert(source).second)
                continue;
            const Below below = look(source);
            if (below == Below::first)
                needed.push_back(source);
            else if (below == Below::fresh)
                open.push_back(source);
        }
    }
    return needed;
}

} // namespace pgtrickle::scheduler
