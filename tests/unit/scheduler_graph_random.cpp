/*
 * Compares the graph with slow definitions of its answers, on random graphs; and bounds the time that large
 * ones take.
 */
#include "scheduler/graph/diamond.hpp"
#include "seed.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <ctime>
#include <map>
#include <random>
#include <set>

using namespace pgtrickle::scheduler;

namespace {

/* Tables are 1 to 9, stream tables from 10 on; each reads relations with smaller numbers. */
struct Drawn {
    Graph graph;
    std::map<Id, Ids> reads;
};

Drawn draw(std::mt19937 &random)
{
    Drawn drawn;
    Id count = 1 + random() % 12;
    std::vector<Id> order;
    for (Id i = 0; i < count; i++)
        order.push_back(10 + i);
    std::shuffle(order.begin(), order.end(), random);
    for (size_t i = 0; i < order.size(); i++) {
        Ids sources;
        for (size_t k = 1 + random() % 3; k > 0; k--)
            sources.push_back(i > 0 && random() % 3 ? order[random() % i] : 1 + random() % 9);
        drawn.reads[order[i]] = sources;
    }
    for (const auto &[id, sources] : drawn.reads)
        drawn.graph.set(id, sources);
    /* Replaced and removed stream tables leave no traces. */
    drawn.graph.set(99, {10, 1});
    drawn.graph.set(99, {2, 1});
    drawn.graph.remove(99);
    return drawn;
}

std::set<Id> closure(const Drawn &drawn, Id id)
{
    std::set<Id> all = {id};
    if (auto found = drawn.reads.find(id); found != drawn.reads.end())
        for (Id source : found->second)
            all.merge(closure(drawn, source));
    return all;
}

int level(const Drawn &drawn, Id id)
{
    int highest = 0;
    for (Id source : drawn.reads.at(id))
        if (drawn.reads.count(source))
            highest = std::max(highest, 1 + level(drawn, source));
    return highest;
}

/* Finds every path from `from` to `to`, each without its ends. */
void ways(const Drawn &drawn, Id from, Id to, std::vector<Id> &way, std::vector<std::set<Id>> &found)
{
    auto reads = drawn.reads.find(from);
    if (reads == drawn.reads.end())
        return;
    for (Id source : std::set<Id>(reads->second.begin(), reads->second.end())) {
        if (source == to) {
            found.emplace_back(way.begin(), way.end());
            continue;
        }
        way.push_back(source);
        ways(drawn, source, to, way, found);
        way.pop_back();
    }
}

std::set<Id> diamond(const Drawn &drawn, Id apex)
{
    std::set<Id> members;
    for (Id relation : closure(drawn, apex)) {
        std::vector<std::set<Id>> all;
        std::vector<Id> way;
        if (relation != apex)
            ways(drawn, apex, relation, way, all);
        /* If two paths have no relation in common, all paths to that relation belong to the diamond. */
        bool is_parting = false;
        for (size_t i = 0; i < all.size(); i++)
            for (size_t j = i + 1; j < all.size(); j++)
                is_parting |= std::none_of(all[i].begin(), all[i].end(), [&](Id id) { return all[j].count(id); });
        if (is_parting)
            for (const std::set<Id> &one : all)
                members.insert(one.begin(), one.end());
    }
    return members;
}

std::set<std::set<Id>> groups(const Drawn &drawn, const std::set<Id> &due)
{
    std::vector<std::set<Id>> found;
    for (Id id : due) {
        std::set<Id> group = {id};
        std::set<Id> touched = closure(drawn, id);
        std::vector<std::set<Id>> rest;
        for (std::set<Id> &other : found) {
            bool meets = false;
            for (Id member : other)
                for (Id reached : closure(drawn, member))
                    meets = meets || touched.count(reached);
            if (meets)
                group.merge(other);
            else
                rest.push_back(other);
        }
        rest.push_back(group);
        found = rest;
    }
    return {found.begin(), found.end()};
}

TEST(RandomGraphs, answer_as_the_slow_definitions_do)
{
    std::mt19937 random(seed_of(3));
    for (int i = 0; i < 3000; i++) {
        Drawn drawn = draw(random);
        std::set<Id> due;
        DiamondSearch diamonds(drawn.graph, drawn.graph.ids());
        for (const auto &[id, sources] : drawn.reads) {
            std::set<Id> below = closure(drawn, id), above;
            for (const auto &[other, others] : drawn.reads)
                if (closure(drawn, other).count(id))
                    above.insert(other);
            below.erase(id);
            above.erase(id);
            std::erase_if(below, [&](Id reached) { return drawn.reads.count(reached) == 0; });
            Ids up = drawn.graph.upstreams(id), down = drawn.graph.downstreams(id),
                on_ways = drawn.graph.diamond_of(id);
            ASSERT_EQ(std::set<Id>(up.begin(), up.end()), below);
            ASSERT_EQ(up.size(), below.size());
            ASSERT_EQ(std::set<Id>(down.begin(), down.end()), above);
            ASSERT_EQ(down.size(), above.size());
            ASSERT_EQ(drawn.graph.level(id), level(drawn, id));
            std::set<Id> expected = diamond(drawn, id);
            ASSERT_EQ(std::set<Id>(on_ways.begin(), on_ways.end()), expected) << "apex " << id << " of graph " << i;
            ASSERT_EQ(on_ways, drawn.graph.in_order(on_ways));
            ASSERT_EQ(diamonds.of(id), on_ways) << "apex " << id << " of graph " << i << ", after others";
            if (random() % 3 == 0)
                due.insert(id);
        }
        std::set<std::set<Id>> split;
        for (const Ids &group : drawn.graph.groups(Ids(due.begin(), due.end()))) {
            split.insert(std::set<Id>(group.begin(), group.end()));
            for (size_t k = 1; k < group.size(); k++)
                ASSERT_LE(drawn.graph.level(group[k - 1]), drawn.graph.level(group[k]));
        }
        ASSERT_EQ(split, groups(drawn, due));
    }
}

/* Ten times as many stream tables may take twelve times as long, plus an allowance for CPU caches; a
 * quadratic algorithm would take a hundred times as long. */
double seconds_for(Id count)
{
    std::clock_t began = std::clock(); /* CPU time of this process, which other processes do not affect */
    std::mt19937 random(seed_of(5));
    Graph graph;
    Ids all;
    for (Id i = 0; i < count; i++) {
        Id id = 1'000'000 + i;
        Ids sources = {1 + random() % 1000};
        if (i >= 100)
            sources.push_back(id - 1 - random() % 100); /* many chains, and a source that all have in common */
        graph.set(id, sources);
        all.push_back(id);
    }
    graph.set(999, {});
    EXPECT_EQ(graph.in_order(all).size(), count);
    EXPECT_FALSE(graph.groups(all).empty());
    EXPECT_LE(graph.downstreams(1'000'000).size(), count);
    EXPECT_LE(graph.upstreams(all.back()).size(), count);
    (void)graph.diamond_of(all.back());
    for (Id id : all)
        graph.remove(id);
    EXPECT_EQ(graph.size(), 1u);
    return static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC;
}

TEST(LargeGraphs, take_time_in_proportion)
{
    (void)seconds_for(1000);
    double small = INFINITY, large = INFINITY;
    for (int i = 0; i < 3; i++) {
        small = std::min(small, seconds_for(2000));
        large = std::min(large, seconds_for(20000));
    }
    EXPECT_LT(large, 60 * small) << small << " s for 2,000";
    EXPECT_LT(large, 1.0);
    printf("2,000: %.4f s, 20,000: %.4f s\n", small, large);
}

} // namespace
