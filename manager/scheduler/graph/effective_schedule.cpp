/*
 * Schedules are handed from dependents to their upstreams, and among the members of atomic sets, until
 * nothing changes. Schedules only become tighter, so that the loop ends, mostly after two rounds.
 */
#include "scheduler/graph/effective_schedule.hpp"

#include <algorithm>
#include <map>
#include <unordered_set>
#include <utility>

namespace pgtrickle::scheduler {

namespace {

/* The tightest of several schedules: the shortest of the durations, and each cron expression. */
struct Tightest {
    bool is_on_change = false;
    int64_t seconds = INT64_MAX;
    std::vector<Schedule> crons;

    /* Includes `schedule`. Returns whether the result has become tighter, as do the functions below. */
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
    std::vector<Schedule> schedules(bool is_time_dependent) const
    {
        std::vector<Schedule> result;
        /* Each change is applied at once: due times matter only for results that differ without a change. */
        if (is_on_change && !is_time_dependent)
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
    Id set; /* the first member of its atomic set, or 0 */
};

class Computation {
  public:
    Computation(const Graph &graph, const std::function<Terms(Id)> &terms) : graph_(graph)
    {
        Ids ids = graph.in_order(graph.ids());
        for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
            number_[*id] = nodes_.size();
            nodes_.push_back({*id, terms(*id), {}, 0});
        }
        find_sets();
        for (Node &node : nodes_)
            begin(node);
        while (propagate_schedule()) {
        }
    }

    EffectiveSchedule schedule_of(const Node &node) const
    {
        EffectiveSchedule schedule;
        schedule.atomic_set = node.set;
        const std::vector<size_t> *set = set_of(node);
        if (set == nullptr) {
            schedule.schedules = node.tightest.schedules(node.terms.is_time_dependent);
            schedule.has_own_schedule = is_timed(node);
        } else if (is_slowest(*set)) {
            for (size_t member : *set)
                if (is_timed(nodes_[member]))
                    schedule.schedules.push_back(nodes_[member].terms.schedule);
            schedule.waits_for_all = schedule.has_own_schedule = true;
        } else {
            /* A calculated member has the schedules of its dependents, and all members of the set have them
             * with it: the other members are not refreshed more often. */
            schedule.schedules = node.tightest.schedules(node.terms.is_time_dependent);
            schedule.has_own_schedule = is_timed(node);
        }
        return schedule;
    }

    const std::vector<Node> &nodes() const { return nodes_; }
    AtomicSets take_atomic_sets() { return std::move(atomic_sets_); }

  private:
    static bool is_timed(const Node &node) { return !node.terms.schedule.is_on_change(); }
    bool has_timed(const std::vector<size_t> &set) const
    {
        return std::any_of(set.begin(), set.end(), [&](size_t member) { return is_timed(nodes_[member]); });
    }
    bool is_slowest(const std::vector<size_t> &set) const
    {
        return has_timed(set) && !fastest_.count(nodes_[set.front()].set);
    }

    void find_sets()
    {
        Ids apexes;
        atomic_sets_ = find_atomic_sets(
            graph_, graph_.ids(), [&](Id id) { return terms_of(id).is_diamond_atomic; },
            [&](Id id) { return terms_of(id).owner; }, &apexes);
        for (size_t i = 0; i < nodes_.size(); i++) {
            nodes_[i].set = atomic_sets_.first_of(nodes_[i].id);
            if (nodes_[i].set != 0)
                sets_[nodes_[i].set].push_back(i);
        }
        for (Id apex : apexes)
            if (!terms_of(apex).is_diamond_slowest)
                fastest_.insert(atomic_sets_.first_of(apex));
    }

    const Terms &terms_of(Id id) { return nodes_[number_[id]].terms; }

    const std::vector<size_t> *set_of(const Node &node) const
    {
        auto found = sets_.find(node.set);
        return found == sets_.end() ? nullptr : &found->second;
    }

    void begin(Node &node)
    {
        const std::vector<size_t> *set = set_of(node);
        if (set == nullptr || !is_slowest(*set)) {
            if (node.terms.schedule.kind != Schedule::Kind::calculated)
                (void)node.tightest.take(node.terms.schedule);
            return;
        }
        /* The schedule that it hands to its upstreams: a set that is due when its last member is needs its
         * upstreams no more often than that. */
        int64_t longest = 0;
        for (size_t member : *set) {
            const Schedule &schedule = nodes_[member].terms.schedule;
            if (schedule.kind == Schedule::Kind::cron)
                (void)node.tightest.take(schedule);
            else if (is_timed(nodes_[member]))
                longest = std::max(longest, schedule.seconds);
        }
        if (longest > 0)
            node.tightest.seconds = longest;
    }

    bool inherits_schedule(const Node &node) const
    {
        const std::vector<size_t> *set = set_of(node);
        return node.terms.schedule.kind == Schedule::Kind::calculated && (set == nullptr || !is_slowest(*set));
    }

    bool propagate_schedule()
    {
        bool is_changed = false;
        for (Node &node : nodes_) {
            if (!inherits_schedule(node))
                continue;
            bool is_read_by_owner = false;
            for (Id dependent : graph_.direct_downstreams(node.id)) {
                const Node &reader = nodes_[number_[dependent]];
                is_read_by_owner |= reader.terms.owner == node.terms.owner;
                is_changed |= node.tightest.take(reader.tightest);
            }
            if (!is_read_by_owner)
                is_changed |= node.tightest.take(Schedule{});
        }
        for (const auto &[first, members] : sets_) {
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
    std::vector<Node> nodes_; /* dependents first */
    std::unordered_map<Id, size_t> number_;
    AtomicSets atomic_sets_;
    std::map<Id, std::vector<size_t>> sets_; /* numbers of the members, by the first one */
    std::unordered_set<Id> fastest_;         /* sets with an apex whose policy is fastest */
};

} // namespace

void EffectiveSchedules::compute(const Graph &graph, const std::function<Terms(Id)> &terms)
{
    Computation computation(graph, terms);
    schedules_.clear();
    for (const Node &node : computation.nodes())
        schedules_[node.id] = computation.schedule_of(node);
    atomic_sets_ = computation.take_atomic_sets();
}

const EffectiveSchedule &EffectiveSchedules::of(Id id) const
{
    static const EffectiveSchedule on_change;
    auto found = schedules_.find(id);
    return found == schedules_.end() ? on_change : found->second;
}

} // namespace pgtrickle::scheduler
