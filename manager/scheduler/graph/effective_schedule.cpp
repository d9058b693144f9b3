/*
 * Schedules are handed down from readers to what they read, and to and fro between those that are bound, until nothing
 * changes: they only ever get tighter, so that ends, mostly after two rounds.
 */
#include "scheduler/graph/effective_schedule.hpp"

#include "scheduler/graph/atomic_sets.hpp"

#include <algorithm>
#include <map>
#include <unordered_set>
#include <utility>

namespace pgtrickle::scheduler {

namespace {

/* The tightest of several schedules: of durations the shortest, and each cron expression. */
struct Tightest {
    bool is_on_change = false;
    int64_t seconds = INT64_MAX;
    std::vector<Schedule> crons;

    /* Returns whether it has become tighter, as do the next ones. */
    bool take(const Schedule &schedule)
    {
        if (schedule.kind == Schedule::Kind::cron)
            return take_cron(schedule);
        if (schedule.is_on_change())
            return !std::exchange(is_on_change, true);
        bool is_tighter = schedule.seconds < seconds;
        seconds = std::min(seconds, schedule.seconds);
        return is_tighter;
    }
    bool take(const Tightest &other)
    {
        bool is_tighter = other.is_on_change && !is_on_change;
        is_on_change |= other.is_on_change;
        is_tighter |= other.seconds < seconds;
        seconds = std::min(seconds, other.seconds);
        for (const Schedule &cron : other.crons)
            is_tighter |= take_cron(cron);
        return is_tighter;
    }
    std::vector<Schedule> schedules(bool is_restless) const
    {
        std::vector<Schedule> result;
        /* Each change is taken in at once: times are for what moves without one. */
        if (is_on_change && !is_restless)
            return result;
        if (is_on_change)
            result.emplace_back();
        if (seconds != INT64_MAX)
            result.push_back({Schedule::Kind::duration, seconds, {}});
        result.insert(result.end(), crons.begin(), crons.end());
        return result;
    }

  private:
    bool take_cron(const Schedule &schedule)
    {
        if (std::find(crons.begin(), crons.end(), schedule) != crons.end())
            return false;
        crons.push_back(schedule);
        return true;
    }
};

struct Node {
    Id id;
    Terms terms;
    Tightest tightest;
    size_t bond; /* the number of a node, the same for all that are bound */
};

class Computation {
  public:
    Computation(const Graph &graph, const std::function<Terms(Id)> &terms) : graph_(graph)
    {
        Ids ids = graph.in_order(graph.ids());
        for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
            number_[*id] = nodes_.size();
            nodes_.push_back({*id, terms(*id), {}, nodes_.size()});
        }
        bind();
        for (Node &node : nodes_)
            begin(node);
        while (hand_down()) {
        }
    }

    EffectiveSchedule pace_of(const Node &node) const
    {
        EffectiveSchedule pace;
        const std::vector<size_t> *bond = bond_of(node);
        if (bond == nullptr) {
            pace.schedules = node.tightest.schedules(node.terms.is_restless);
            pace.has_own_schedule = is_timed(node);
        } else if (is_slowest(*bond)) {
            for (size_t member : *bond)
                if (is_timed(nodes_[member]))
                    pace.schedules.push_back(nodes_[member].terms.schedule);
            pace.waits_for_all = pace.has_own_schedule = true;
        } else {
            /* A calculated one among them has what its readers go by, and so have all: they are hurried by nobody else. */
            pace.schedules = node.tightest.schedules(node.terms.is_restless);
            pace.has_own_schedule = is_timed(node);
        }
        return pace;
    }

    const std::vector<Node> &nodes() const { return nodes_; }
    const std::map<size_t, std::vector<size_t>> &bonds() const { return bonds_; }

  private:
    static bool is_timed(const Node &node) { return !node.terms.schedule.is_on_change(); }
    bool has_timed(const std::vector<size_t> &bond) const
    {
        return std::any_of(bond.begin(), bond.end(), [&](size_t member) { return is_timed(nodes_[member]); });
    }
    bool is_slowest(const std::vector<size_t> &bond) const
    {
        return has_timed(bond) && !hurried_.count(nodes_[bond.front()].bond);
    }

    void bind()
    {
        Bonds bonds(graph_, [&](Id id) { return nodes_[number_[id]].terms.is_diamond_atomic; },
                    [&](Id id) { return nodes_[number_[id]].terms.owner; });
        for (size_t i = 0; i < nodes_.size(); i++) {
            nodes_[i].bond = bonds.leader(i);
            bonds_[nodes_[i].bond].push_back(i);
        }
        std::erase_if(bonds_, [](const auto &bond) { return bond.second.size() < 2; });
        for (size_t apex : bonds.apexes())
            if (!nodes_[apex].terms.is_diamond_slowest)
                hurried_.insert(nodes_[apex].bond);
    }

    const std::vector<size_t> *bond_of(const Node &node) const
    {
        auto found = bonds_.find(node.bond);
        return found == bonds_.end() ? nullptr : &found->second;
    }

    void begin(Node &node)
    {
        const std::vector<size_t> *bond = bond_of(node);
        if (bond == nullptr || !is_slowest(*bond)) {
            if (node.terms.schedule.kind != Schedule::Kind::calculated)
                (void)node.tightest.take(node.terms.schedule);
            return;
        }
        /* What it hands down: who waits for the last of them needs nothing more often than that. */
        int64_t longest = 0;
        for (size_t member : *bond) {
            const Schedule &schedule = nodes_[member].terms.schedule;
            if (schedule.kind == Schedule::Kind::cron)
                (void)node.tightest.take(schedule);
            else if (is_timed(nodes_[member]))
                longest = std::max(longest, schedule.seconds);
        }
        if (longest > 0)
            node.tightest.seconds = longest;
    }

    bool is_handed_to(const Node &node) const
    {
        const std::vector<size_t> *bond = bond_of(node);
        return node.terms.schedule.kind == Schedule::Kind::calculated && (bond == nullptr || !is_slowest(*bond));
    }

    bool hand_down()
    {
        bool is_changed = false;
        for (Node &node : nodes_) {
            if (!is_handed_to(node))
                continue;
            const Ids &readers = graph_.direct_downstreams(node.id);
            if (readers.empty())
                is_changed |= node.tightest.take(Schedule{});
            for (Id reader : readers)
                is_changed |= node.tightest.take(nodes_[number_[reader]].tightest);
        }
        for (const auto &[number, members] : bonds_) {
            if (is_slowest(members))
                continue;
            Tightest all;
            for (size_t member : members)
                (void)all.take(nodes_[member].tightest);
            for (size_t member : members)
                is_changed |= nodes_[member].tightest.take(all);
        }
        return is_changed;
    }

    const Graph &graph_;
    std::vector<Node> nodes_; /* readers first */
    std::unordered_map<Id, size_t> number_;
    std::map<size_t, std::vector<size_t>> bonds_;
    std::unordered_set<size_t> hurried_; /* bonds that have an apex whose policy is fastest */
};

} // namespace

void EffectiveSchedules::compute(const Graph &graph, const std::function<Terms(Id)> &terms)
{
    Computation computation(graph, terms);
    paces_.clear();
    bonds_.clear();
    bond_of_.clear();
    for (const Node &node : computation.nodes())
        paces_[node.id] = computation.pace_of(node);
    for (const auto &[number, members] : computation.bonds()) {
        Ids ids;
        for (size_t member : members)
            ids.push_back(computation.nodes()[member].id);
        std::sort(ids.begin(), ids.end());
        for (Id id : ids) {
            bond_of_[id] = bonds_.size();
            paces_[id].bond = ids.front();
        }
        bonds_.push_back(std::move(ids));
    }
}

const EffectiveSchedule &EffectiveSchedules::of(Id id) const
{
    static const EffectiveSchedule on_change;
    auto found = paces_.find(id);
    return found == paces_.end() ? on_change : found->second;
}

const Ids &EffectiveSchedules::bound_to(Id id) const
{
    static const Ids none;
    auto found = bond_of_.find(id);
    return found == bond_of_.end() ? none : bonds_[found->second];
}

Ids with_required(const Graph &graph, const EffectiveSchedules &paces, const Ids &members, const std::function<bool(Id)> &comes)
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
        for (Id mate : paces.bound_to(result[i]))
            add(mate);
        const Ids sources = graph.sources(result[i]);
        for (Id source : sources)
            if (graph.contains(source) && known.count(source) == 0 && comes(source))
                add(source);
    }
    return graph.in_order(std::move(result));
}

} // namespace pgtrickle::scheduler
