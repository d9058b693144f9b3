#include "scheduler/graph.hpp"

#include <algorithm>
#include <map>

namespace pgtrickle::scheduler {

namespace {

const Ids nobody;

void append_new(Ids *ids, Id id)
{
    if (std::find(ids->begin(), ids->end(), id) == ids->end())
        ids->push_back(id);
}

} // namespace

const Graph::Node *Graph::find(Id id) const
{
    auto found = index_.find(id);
    return found == index_.end() ? nullptr : &*found;
}

bool Graph::contains(Id id) const
{
    return find(id) != nullptr;
}

void Graph::set(Id stream_table, Ids sources)
{
    auto found = index_.find(stream_table);
    if (found == index_.end()) {
        nodes_.emplace_back();
        Node &node = nodes_.back();
        node.id = stream_table;
        node.place = std::prev(nodes_.end());
        index_.insert(node);
        node.sources = std::move(sources);
    } else {
        found->sources = std::move(sources);
    }
    rebuild_readers();
}

void Graph::remove(Id stream_table)
{
    auto found = index_.find(stream_table);
    if (found == index_.end())
        return;
    nodes_.erase(found->place);
    rebuild_readers();
}

void Graph::clear()
{
    nodes_.clear();
    readers_.clear();
}

void Graph::rebuild_readers()
{
    std::map<Id, Ids> by_source;
    for (const Node &node : index_) {
        for (Id source : node.sources)
            append_new(&by_source[source], node.id);
    }
    readers_.clear();
    for (auto &[source, readers] : by_source)
        readers_.push_back({source, std::move(readers)});
}

const Ids &Graph::direct_downstreams(Id id) const
{
    auto found = std::lower_bound(readers_.begin(), readers_.end(), id,
                                  [](const Reader &reader, Id source) { return reader.source < source; });
    return found == readers_.end() || found->source != id ? nobody : found->readers;
}

const Ids &Graph::sources(Id id) const
{
    const Node *node = find(id);
    return node == nullptr ? nobody : node->sources;
}

Ids Graph::downstreams(Id id) const
{
    Ids found;
    for (Id reader : direct_downstreams(id))
        append_new(&found, reader);
    for (size_t i = 0; i < found.size(); i++) {
        for (Id reader : direct_downstreams(found[i]))
            append_new(&found, reader);
    }
    std::erase(found, id);
    return found;
}

Ids Graph::upstreams(Id id) const
{
    Ids found;
    auto add = [&](const Node *node) {
        for (Id source : node->sources) {
            if (contains(source))
                append_new(&found, source);
        }
    };
    if (const Node *node = find(id))
        add(node);
    for (size_t i = 0; i < found.size(); i++)
        add(find(found[i]));
    std::erase(found, id);
    return found;
}

std::set<Id> Graph::closure(Id id) const
{
    std::set<Id> reached = {id};
    Ids open = {id};
    while (!open.empty()) {
        const Node *node = find(open.back());
        open.pop_back();
        if (node == nullptr)
            continue;
        for (Id source : node->sources) {
            if (reached.insert(source).second)
                open.push_back(source);
        }
    }
    return reached;
}

int Graph::level(Id id) const
{
    /* The longest path, by Kahn's order over what lies below id: linear also for ladders
     * of diamonds. */
    std::set<Id> below = closure(id);
    std::map<Id, int> levels;
    std::map<Id, int> unread;
    Ids ready;
    for (Id member : below) {
        const Node *node = find(member);
        int count = 0;
        if (node != nullptr) {
            for (Id source : node->sources)
                count += contains(source) ? 1 : 0;
        }
        unread[member] = count;
        if (node != nullptr && count == 0)
            ready.push_back(member);
    }
    while (!ready.empty()) {
        Id done = ready.back();
        ready.pop_back();
        for (Id reader : direct_downstreams(done)) {
            if (below.count(reader) == 0)
                continue;
            levels[reader] = std::max(levels[reader], levels[done] + 1);
            const Node *node = find(reader);
            unread[reader] -= static_cast<int>(std::count(node->sources.begin(), node->sources.end(), done));
            if (unread[reader] == 0)
                ready.push_back(reader);
        }
    }
    return levels[id];
}

Ids Graph::in_order(Ids ids) const
{
    std::erase_if(ids, [&](Id id) { return !contains(id); });
    std::map<Id, int> levels;
    for (Id id : ids)
        levels[id] = level(id);
    std::sort(ids.begin(), ids.end(),
              [&](Id a, Id b) { return levels[a] != levels[b] ? levels[a] < levels[b] : a < b; });
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    return ids;
}

std::optional<Ids> Graph::cycle_with(Id stream_table, const Ids &sources) const
{
    /* Breadth first along what is read; `from` leads back towards stream_table. */
    std::map<Id, Id> from;
    Ids open;
    auto visit = [&](Id id, Id reader) {
        if (from.emplace(id, reader).second)
            open.push_back(id);
    };
    for (Id source : sources)
        visit(source, stream_table);
    for (size_t i = 0; i < open.size() && from.count(stream_table) == 0; i++) {
        if (const Node *node = find(open[i])) {
            for (Id source : node->sources)
                visit(source, node->id);
        }
    }
    if (from.count(stream_table) == 0)
        return std::nullopt;
    Ids path = {stream_table};
    for (Id id = from[stream_table]; id != stream_table; id = from[id])
        path.push_back(id);
    path.push_back(stream_table);
    std::reverse(path.begin(), path.end());
    return path;
}

std::vector<Ids> Graph::groups(const Ids &due) const
{
    Ids members = in_order(due);
    /* Union-find: who touches the same relation, at any depth, is of one group. */
    std::vector<size_t> leader(members.size());
    auto find_leader = [&](size_t i) {
        while (leader[i] != i)
            i = leader[i];
        return i;
    };
    std::map<Id, size_t> first_toucher;
    for (size_t i = 0; i < members.size(); i++) {
        leader[i] = i;
        for (Id touched : closure(members[i])) {
            size_t other = first_toucher.emplace(touched, i).first->second;
            leader[find_leader(i)] = find_leader(other);
        }
    }
    std::map<size_t, Ids> grouped;
    for (size_t i = 0; i < members.size(); i++)
        grouped[find_leader(i)].push_back(members[i]);
    std::vector<Ids> result;
    for (auto &[key, group] : grouped)
        result.push_back(std::move(group));
    std::sort(result.begin(), result.end(),
              [](const Ids &a, const Ids &b) { return *std::min_element(a.begin(), a.end()) < *std::min_element(b.begin(), b.end()); });
    return result;
}

Ids Graph::diamond_of(Id id) const
{
    /* A stream table upstream of id is on a diamond if it shares something it reaches with
     * another way into id that does not lead through it. */
    const Node *node = find(id);
    if (node == nullptr)
        return {};
    Ids direct = node->sources;
    std::sort(direct.begin(), direct.end());
    direct.erase(std::unique(direct.begin(), direct.end()), direct.end());
    std::map<Id, int> ways; /* how many direct sources reach it */
    std::vector<std::set<Id>> closures;
    for (Id source : direct) {
        closures.push_back(closure(source));
        for (Id reached : closures.back())
            ways[reached]++;
    }
    Ids members;
    for (const std::set<Id> &reached : closures) {
        bool is_shared = std::any_of(reached.begin(), reached.end(), [&](Id r) { return ways[r] > 1; });
        for (Id member : reached) {
            if (is_shared && contains(member))
                append_new(&members, member);
        }
    }
    return in_order(members);
}

} // namespace pgtrickle::scheduler
