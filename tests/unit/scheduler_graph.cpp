#include "scheduler/graph/graph.hpp"

#include <gtest/gtest.h>

using namespace pgtrickle::scheduler;

namespace {

/* Tables are 1 to 9, stream tables from 10 on. */
Graph diamond()
{
    Graph graph;
    graph.set(10, {1, 2});
    graph.set(11, {10});
    graph.set(12, {10, 3});
    graph.set(13, {11, 12});
    return graph;
}

TEST(Graph, knows_who_reads_whom_at_any_depth)
{
    Graph graph = diamond();
    EXPECT_EQ(graph.upstreams(13), (Ids{11, 12, 10}));
    EXPECT_EQ(graph.downstreams(10), (Ids{11, 12, 13}));
    EXPECT_EQ(graph.downstreams(3), (Ids{12, 13}));
    EXPECT_EQ(graph.upstreams(10), Ids{});
    EXPECT_EQ(graph.direct_downstreams(1), Ids{10});
}

TEST(Graph, puts_each_after_what_it_reads)
{
    Graph graph = diamond();
    EXPECT_EQ(graph.level(10), 0);
    EXPECT_EQ(graph.level(13), 2);
    EXPECT_EQ(graph.in_order({13, 12, 11, 10, 7}), (Ids{10, 11, 12, 13}));
    graph.set(9, {13});
    EXPECT_EQ(graph.in_order({9, 13}), (Ids{13, 9}));
}

TEST(Graph, forgets_what_is_removed_or_replaced)
{
    Graph graph = diamond();
    graph.remove(11);
    EXPECT_EQ(graph.downstreams(10), (Ids{12, 13}));
    EXPECT_FALSE(graph.contains(11));
    graph.set(12, {3});
    EXPECT_EQ(graph.downstreams(10), Ids{});
    graph.remove(99);
    EXPECT_EQ(graph.size(), 3u);
}

TEST(Graph, groups_what_shares_a_source_at_any_depth)
{
    Graph graph = diamond();
    graph.set(20, {4});
    graph.set(21, {5, 20});
    graph.set(22, {3});
    EXPECT_EQ(graph.groups({21, 13, 20, 22}), (std::vector<Ids>{{22, 13}, {20, 21}}));
    /* 13 and a dependent of table 1 have 10 in common, which is not due itself. */
    graph.set(30, {1});
    EXPECT_EQ(graph.groups({30, 13}), (std::vector<Ids>{{30, 13}}));
    EXPECT_EQ(graph.groups({20, 22}), (std::vector<Ids>{{20}, {22}}));
    EXPECT_EQ(graph.groups({}), std::vector<Ids>{});
}

TEST(Graph, joins_groups_that_a_third_connects)
{
    Graph graph;
    graph.set(10, {1});
    graph.set(11, {2});
    graph.set(12, {1, 2});
    EXPECT_EQ(graph.groups({10, 11}).size(), 2u);
    EXPECT_EQ(graph.groups({10, 11, 12}), (std::vector<Ids>{{10, 11, 12}}));
}

TEST(Graph, finds_the_arms_of_a_diamond)
{
    Graph graph = diamond();
    EXPECT_EQ(graph.diamond_of(13), (Ids{11, 12})); /* the paths part above 10 */
    EXPECT_EQ(graph.diamond_of(12), Ids{});
    graph.set(14, {13, 2});
    EXPECT_EQ(graph.diamond_of(14), (Ids{10, 11, 12, 13}));
}

TEST(Graph, ends_although_there_is_a_cycle)
{
    Graph graph = diamond();
    graph.set(10, {1, 13});
    graph.set(14, {13, 10});
    for (Id id : graph.ids())
        EXPECT_LE(graph.diamond_of(id).size(), 4u);
}

TEST(Graph, walks_ladders_of_diamonds_in_linear_time)
{
    Graph graph;
    for (Id rung = 0; rung < 60; rung++) {
        Id below = 100 + rung * 3;
        graph.set(below + 1, {below});
        graph.set(below + 2, {below});
        graph.set(below + 3, {below + 1, below + 2});
    }
    EXPECT_EQ(graph.level(100 + 180), 119); /* 100 itself is a table */
    EXPECT_EQ(graph.upstreams(280).size(), 179u);
}

} // namespace
