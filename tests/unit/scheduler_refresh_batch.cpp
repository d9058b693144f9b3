#include "scheduler/graph/refresh_batch.hpp"
#include "seed.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

using namespace pgtrickle::scheduler;

namespace {

const std::vector<Schedule> on_change, each_second = {{Schedule::Kind::duration, 1, {}}};

struct Task {
    bool is_wanted = false;
    bool is_free = true;
    std::vector<Schedule> schedules = on_change;
    Ids group_members = {};
};

using Tasks = std::map<Id, Task>;

Ids batch(const Graph &graph, Id start, const Tasks &tasks)
{
    return batch_of(graph, start, [&](Id id) {
        auto found = tasks.find(id);
        if (found == tasks.end())
            return Candidate{};
        return Candidate{found->second.is_wanted, found->second.is_free, &found->second.schedules,
                         &found->second.group_members};
    });
}

TEST(Batch, takes_along_who_shares_a_source_and_the_schedule)
{
    Graph graph;
    graph.set(10, {1});
    graph.set(11, {1, 2});
    graph.set(12, {2});
    graph.set(13, {3});
    Tasks tasks = {{10, {true}}, {11, {}}, {12, {}}, {13, {}}};
    EXPECT_EQ(batch(graph, 10, tasks), (Ids{10, 11, 12}));
    tasks[11].schedules = each_second;
    EXPECT_EQ(batch(graph, 10, tasks), Ids{10}); /* no member connects it with 12 */
    tasks[11].is_wanted = true;
    EXPECT_EQ(batch(graph, 10, tasks), (Ids{10, 11, 12}));
    tasks[12].is_free = false;
    EXPECT_EQ(batch(graph, 10, tasks), (Ids{10, 11}));
}

/* Whether a stream table of another batch lies on a path between two members: it would wait for one of them,
 * and the other member for it. */
bool has_foreign_between(const Graph &graph, const Ids &members, const std::set<Id> &foreign)
{
    const std::set<Id> all(members.begin(), members.end());
    return std::any_of(foreign.begin(), foreign.end(), [&](Id other) {
        const Ids below = graph.upstreams(other), above = graph.downstreams(other);
        auto is_member = [&](Id id) { return all.count(id) != 0; };
        return std::any_of(below.begin(), below.end(), is_member) && std::any_of(above.begin(), above.end(), is_member);
    });
}

TEST(Batch, has_no_stream_table_of_others_between_two_members)
{
    std::mt19937 random(20261121);
    int split = 0;
    for (int round = 0; round < 2000; round++) {
        Graph graph;
        std::set<Id> foreign;
        Tasks tasks;
        Ids own;
        for (Id id = 10; id < 20; id++) {
            Ids sources;
            for (int i = 0; i < 2; i++)
                sources.push_back(random() % 3 == 0 ? 1 + random() % 2 : id == 10 ? 1 : 10 + random() % (id - 10));
            graph.set(id, sources);
            if (random() % 3 == 0)
                foreign.insert(id);
            else
                own.push_back(id);
        }
        if (own.empty())
            continue;
        for (Id id : own)
            tasks[id] = {random() % 2 == 0};
        const Id start = own[random() % own.size()];
        tasks[start].is_wanted = true;
        const Ids whole = batch(graph, start, tasks);
        const Ids part = without_foreign_between(
            graph, start, whole, [&](Id id) { return foreign.count(id) != 0; }, [](Id) { return false; });
        EXPECT_FALSE(has_foreign_between(graph, part, foreign)) << "round " << round;
        EXPECT_EQ(std::count(part.begin(), part.end(), start), 1);
        EXPECT_TRUE(std::all_of(part.begin(), part.end(),
                                [&](Id id) { return std::count(whole.begin(), whole.end(), id) == 1; }));
        if (has_foreign_between(graph, whole, foreign))
            split++;
        else
            EXPECT_EQ(part, whole) << "nothing leaves without need";
    }
    EXPECT_GT(split, 100);
}

TEST(Batch, takes_the_members_of_a_refresh_group_along)
{
    Graph graph;
    graph.set(10, {1});
    graph.set(11, {2});
    graph.set(12, {2});
    graph.set(13, {11, 3});
    Tasks tasks = {
        {10, {true, true, on_change, {10, 13}}}, {11, {}}, {12, {}}, {13, {false, true, each_second, {10, 13}}}};
    EXPECT_EQ(batch(graph, 10, tasks), (Ids{10, 11, 12, 13}))
        << "and what has the schedule of a wanted one and is connected now";
    tasks[11].is_free = false;
    tasks[12].schedules = each_second;
    EXPECT_EQ(batch(graph, 10, tasks), (Ids{10, 13}));
    tasks[13].is_free = false; /* suspended, held, or failing */
    EXPECT_EQ(batch(graph, 10, tasks), Ids{10});
    tasks[13].is_free = true;
    tasks[10].is_wanted = false;
    tasks[12].is_wanted = true; /* an optional member brings its group members */
    tasks[13].schedules = each_second;
    EXPECT_EQ(batch(graph, 12, tasks), (Ids{10, 12, 13}));
}

TEST(Batch, comes_in_the_order_of_reading)
{
    Graph graph;
    graph.set(20, {1});
    graph.set(15, {20});
    graph.set(10, {15});
    Tasks tasks = {{10, {true}}, {15, {}}, {20, {}}};
    EXPECT_EQ(batch(graph, 10, tasks), (Ids{20, 15, 10}));
}

TEST(Batch, is_connected_through_those_that_do_not_come)
{
    Graph graph;
    graph.set(10, {1});
    graph.set(11, {10}); /* another schedule */
    graph.set(12, {11});
    Tasks tasks = {{10, {true}}, {11, {false, true, each_second}}, {12, {}}};
    EXPECT_EQ(batch(graph, 10, tasks), (Ids{10, 12}));
    EXPECT_EQ(with_upstreams(graph, {10, 12}), (Ids{10, 12, 11}));
}

/* The definition of a batch: the group of `start` among all stream tables that are wanted, or free with the
 * schedule of a wanted member; found by iteration to a fixed point. */
Ids slow_batch(const Graph &graph, Id start, const Tasks &tasks)
{
    std::set<Id> members = {start};
    for (;;) {
        Ids candidates;
        for (const auto &[id, task] : tasks) {
            bool has_schedules = std::any_of(members.begin(), members.end(), [&](Id member) {
                return tasks.at(member).is_wanted && tasks.at(member).schedules == task.schedules;
            });
            if (task.is_wanted || (task.is_free && has_schedules))
                candidates.push_back(id);
        }
        for (const Ids &group : graph.groups(candidates)) {
            if (std::find(group.begin(), group.end(), start) == group.end())
                continue;
            if (std::set<Id>(group.begin(), group.end()) == members)
                return group;
            members = std::set<Id>(group.begin(), group.end());
        }
    }
}

TEST(Batch, is_what_it_is_defined_as_in_random_graphs)
{
    std::mt19937 random(seed_of(1));
    auto below = [&](unsigned n) { return static_cast<Id>(random() % n); };
    for (int round = 0; round < 3000; round++) {
        Graph graph;
        Tasks tasks;
        Id count = 1 + below(12);
        for (Id id = 100; id < 100 + count; id++) {
            Ids sources;
            for (Id k = 1 + below(3); k > 0; k--)
                sources.push_back(below(3) == 0 && id > 100 ? 100 + below(id - 100) : 1 + below(8));
            graph.set(id, sources);
            tasks[id] = {below(3) == 0, below(4) != 0, below(2) == 0 ? on_change : each_second};
        }
        for (const auto &[id, task] : tasks)
            if (task.is_wanted)
                ASSERT_EQ(batch(graph, id, tasks), slow_batch(graph, id, tasks)) << round;
    }
}

} // namespace
