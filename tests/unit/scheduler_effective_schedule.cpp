#include "scheduler/graph/effective_schedule.hpp"
#include "scheduler/graph/refresh_batch.hpp"
#include "seed.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

using namespace pgtrickle::scheduler;

namespace {

Schedule parsed(const char *text)
{
    std::string fault;
    return parse_schedule(text, &fault).value();
}

std::vector<Schedule> all(std::initializer_list<const char *> texts)
{
    std::vector<Schedule> schedules;
    for (const char *text : texts)
        schedules.push_back(parsed(text));
    return schedules;
}

/* Tables are 1 to 9, stream tables from 10 on; calculated and atomic unless stated otherwise. */
struct World {
    Graph graph;
    std::map<Id, Terms> terms;
    EffectiveSchedules schedules;

    World &add(Id id, Ids sources, const char *schedule = "calculated")
    {
        graph.set(id, std::move(sources));
        terms[id].schedule = parsed(schedule);
        return *this;
    }
    const EffectiveSchedule &effective(Id id)
    {
        schedules.compute(graph, [&](Id asked) { return terms[asked]; });
        return schedules.of(id);
    }
    Ids atomic_set(Id id)
    {
        (void)effective(id);
        return schedules.atomic_sets().of(id);
    }
};

TEST(Calculated, is_the_tightest_of_the_dependents)
{
    World world;
    world.add(10, {1}).add(11, {10}).add(12, {11}, "30s").add(13, {11}, "7s").add(14, {10}, "1h");
    EXPECT_EQ(world.effective(11).schedules, all({"7s"}));
    EXPECT_EQ(world.effective(10).schedules, all({"7s"}));
    EXPECT_FALSE(world.effective(10).has_own_schedule);
    /* Stream tables are created, altered, dropped. */
    world.add(15, {10}, "@hourly");
    EXPECT_EQ(world.effective(10).schedules, all({"7s", "@hourly"}));
    world.add(13, {11}, "2m");
    EXPECT_EQ(world.effective(10).schedules, all({"30s", "@hourly"}));
    world.graph.remove(15);
    world.graph.remove(12);
    world.graph.remove(14);
    EXPECT_EQ(world.effective(10).schedules, all({"2m"}));
    world.graph.remove(13);
    EXPECT_EQ(world.effective(10).schedules, all({}));
}

TEST(Calculated, is_on_change_where_a_dependent_is)
{
    World world;
    world.add(10, {1}).add(11, {10}, "1h").add(12, {10});
    EXPECT_EQ(world.effective(10).schedules, all({}));
    world.add(12, {10}, "0s");
    EXPECT_EQ(world.effective(10).schedules, all({}));
    /* A time-dependent stream table is due by the clock as well. */
    world.terms[10].is_time_dependent = true;
    EXPECT_EQ(world.effective(10).schedules, all({"calculated", "1h"}));
}

TEST(Own, schedules_are_kept)
{
    World world;
    world.add(10, {1}, "1h").add(11, {10}, "1s").add(12, {1}, "0s");
    EXPECT_EQ(world.effective(10).schedules, all({"1h"}));
    EXPECT_TRUE(world.effective(10).has_own_schedule);
    EXPECT_EQ(world.effective(11).schedules, all({"1s"}));
    EXPECT_FALSE(world.effective(12).has_own_schedule); /* it follows every change in any case */
    EXPECT_EQ(world.atomic_set(11), Ids{});
}

World diamond(const char *left, const char *right, const char *apex)
{
    World world;
    world.add(10, {1}, left).add(11, {1}, right).add(12, {10, 11}, apex);
    return world;
}

TEST(Diamond, goes_with_the_first_of_them)
{
    World world = diamond("10s", "1h", "1m");
    EXPECT_EQ(world.atomic_set(10), (Ids{10, 11, 12}));
    for (Id id : {10, 11, 12}) {
        EXPECT_EQ(world.effective(id).schedules, all({"10s"}));
        EXPECT_FALSE(world.effective(id).waits_for_all);
        EXPECT_TRUE(world.effective(id).has_own_schedule);
    }
    world = diamond("calculated", "1h", "calculated");
    EXPECT_EQ(world.effective(11).schedules, all({})); /* the apex is refreshed on change */
}

TEST(Diamond, comes_along_with_who_reads_a_calculated_one_of_it)
{
    World world = diamond("calculated", "1h", "1h");
    world.add(20, {10}, "5s").add(21, {11}, "1s");
    for (Id id : {10, 11, 12}) {
        EXPECT_EQ(world.effective(id).schedules, all({"5s"}));
        EXPECT_EQ(world.effective(id).atomic_set, 10u);
    }
    EXPECT_FALSE(world.effective(10).has_own_schedule);
    EXPECT_TRUE(world.effective(11).has_own_schedule);
    EXPECT_EQ(world.effective(20).atomic_set, 0u);
}

TEST(Diamond, goes_with_the_last_of_them)
{
    World world = diamond("10s", "1h", "calculated");
    world.terms[12].is_diamond_slowest = true;
    world.add(9 + 20, {10}, "1s"); /* a dependent of one member does not change the schedule of the set */
    for (Id id : {10, 11, 12}) {
        EXPECT_TRUE(world.effective(id).waits_for_all);
        EXPECT_EQ(world.effective(id).schedules.size(), 2u);
        EXPECT_TRUE(world.effective(id).has_own_schedule);
    }
    /* The upstreams of the set need not be fresher than its slowest member. */
    world.add(20, {2}).add(10, {1, 20}, "10s");
    EXPECT_EQ(world.effective(20).schedules, all({"1h"}));
    /* Without a schedule by time, no member is slower than the others. */
    world = diamond("calculated", "calculated", "0s");
    world.terms[12].is_diamond_slowest = true;
    EXPECT_EQ(world.effective(10).schedules, all({}));
    EXPECT_FALSE(world.effective(10).waits_for_all);
}

TEST(Diamond, is_none_where_the_apex_says_so)
{
    World world = diamond("10s", "1h", "1m");
    world.terms[12].is_diamond_atomic = false;
    EXPECT_EQ(world.atomic_set(10), Ids{});
    EXPECT_EQ(world.effective(10).schedules, all({"10s"}));
    EXPECT_EQ(world.effective(11).schedules, all({"1h"}));
    EXPECT_EQ(world.effective(12).schedules, all({"1m"}));
}

TEST(Diamond, shares_a_member_with_another)
{
    World world = diamond("10s", "1h", "1m");
    world.terms[12].is_diamond_slowest = true;
    world.add(13, {1}, "5m").add(14, {11, 13}, "5m");
    EXPECT_EQ(world.atomic_set(13), (Ids{10, 11, 12, 13, 14}));
    EXPECT_EQ(world.effective(13).schedules, all({"10s"}));
    world.terms[14].is_diamond_slowest = true;
    EXPECT_TRUE(world.effective(13).waits_for_all);
}

TEST(Required, are_upstreams_without_own_schedules_and_atomic_sets)
{
    World world = diamond("calculated", "calculated", "calculated");
    world.add(20, {12}, "1h").add(21, {20}, "1s").add(22, {10}, "1s");
    (void)world.effective(10);
    auto comes = [&](Id id) { return !world.schedules.of(id).has_own_schedule; };
    EXPECT_EQ(with_required(world.graph, world.schedules.atomic_sets(), {21}, comes), Ids{21});
    EXPECT_EQ(with_required(world.graph, world.schedules.atomic_sets(), {20}, comes), (Ids{10, 11, 12, 20}));
    EXPECT_EQ(with_required(world.graph, world.schedules.atomic_sets(), {22}, comes), (Ids{10, 11, 12, 22}));
    EXPECT_EQ(with_required(world.graph, world.schedules.atomic_sets(), {21}, [](Id) { return true; }),
              (Ids{10, 11, 12, 20, 21}));
}

/* An upstream of another owner keeps a stream table from refreshes only if that reads it. */
TEST(Diamonds, end_at_stream_tables_of_other_owners)
{
    World world = diamond("1s", "1s", "1s");
    EXPECT_EQ(world.atomic_set(12), (Ids{10, 11, 12}));
    world.terms[12].owner = 1;
    for (Id id : {10, 11, 12})
        EXPECT_EQ(world.atomic_set(id), Ids{}) << id;
    world.terms[11].owner = 1;
    for (Id id : {10, 11, 12})
        EXPECT_EQ(world.atomic_set(id), Ids{}) << id;
    world.add(12, {1, 10, 11}, "1s");
    EXPECT_EQ(world.atomic_set(12), (Ids{11, 12}));
    EXPECT_EQ(world.atomic_set(10), Ids{});
    world.add(12, {10, 11}, "1s").add(11, {10}, "1s");
    EXPECT_EQ(world.atomic_set(12), (Ids{11, 12}));
    world.terms[12].is_diamond_slowest = true;
    EXPECT_EQ(world.effective(11).waits_for_all, true);
    EXPECT_EQ(world.effective(10).waits_for_all, false);
}

/* Returns the atomic sets, from the diamonds of all atomic apexes. */
std::map<Id, std::set<Id>> atomic_sets(const World &world)
{
    std::map<Id, std::set<Id>> set_of;
    std::map<Id, Graph> seen_by; /* to an owner, stream tables of others are tables */
    for (const auto &[id, terms] : world.terms)
        seen_by[terms.owner].set(id, world.graph.sources(id));
    for (const auto &[apex, terms] : world.terms) {
        Ids members = terms.is_diamond_atomic ? seen_by[terms.owner].diamond_of(apex) : Ids();
        if (members.empty())
            continue;
        std::set<Id> set(members.begin(), members.end());
        set.insert(apex);
        for (Id member : std::set<Id>(set))
            set.insert(set_of[member].begin(), set_of[member].end());
        for (Id member : set)
            set_of[member] = set;
    }
    return set_of;
}

/* Each role that may read a stream table can define a dependent. */
TEST(Calculated, is_not_kept_from_refreshes_by_dependents_of_other_owners)
{
    World world;
    world.add(10, {1}, "calculated");
    world.add(11, {10}, "1h");
    EXPECT_EQ(world.effective(10).schedules, all({"1h"}));
    world.terms[11].owner = 1;
    EXPECT_EQ(world.effective(10).schedules, all({}));
    world.add(12, {10}, "1m");
    EXPECT_EQ(world.effective(10).schedules, all({"1m"}));
    world.terms[11].schedule = parsed("10s");
    EXPECT_EQ(world.effective(10).schedules, all({"10s"}));
}

/* Properties of every effective schedule, on random graphs. */
TEST(RandomEffectiveSchedules, keep_their_promises)
{
    std::mt19937 random(seed_of(9));
    const char *schedules[] = {"calculated", "calculated", "0s", "10s", "1m", "1h"};
    for (int i = 0; i < 2000; i++) {
        World world;
        Id count = 1 + random() % (i % 20 == 0 ? 80 : 10);
        for (Id id = 10; id < 10 + count; id++) {
            Ids sources;
            for (size_t k = 1 + random() % 3; k > 0; k--)
                sources.push_back(id > 10 && random() % 3 ? 10 + random() % (id - 10) : 1 + random() % 5);
            world.add(id, sources, schedules[random() % std::size(schedules)]);
            world.terms[id].is_diamond_atomic = i % 3 == 0 || random() % 2;
            world.terms[id].is_diamond_slowest = random() % 2;
            world.terms[id].owner = i % 4 == 0 ? random() % 2 : 0;
        }
        (void)world.effective(10);
        std::map<Id, std::set<Id>> expected = atomic_sets(world);
        for (Id id = 10; id < 10 + count; id++) {
            const EffectiveSchedule &effective = world.schedules.of(id);
            const Ids &atomic_set = world.schedules.atomic_sets().of(id);
            const Schedule &own = world.terms[id].schedule;
            if (atomic_set.empty() && own.kind != Schedule::Kind::calculated)
                EXPECT_EQ(effective.schedules, own.is_on_change() ? all({}) : std::vector<Schedule>{own});
            for (Id other : atomic_set) {
                const EffectiveSchedule &of_other = world.schedules.of(other);
                EXPECT_EQ(world.schedules.atomic_sets().of(other), atomic_set);
                EXPECT_EQ(of_other.schedules, effective.schedules);
                EXPECT_EQ(of_other.waits_for_all, effective.waits_for_all);
                EXPECT_EQ(of_other.atomic_set, atomic_set.front());
            }
            /* A calculated stream table is refreshed with its dependents, unless its atomic set waits for the
             * slowest member. */
            EXPECT_EQ(effective.has_own_schedule, effective.waits_for_all || !own.is_on_change());
            EXPECT_EQ(std::set<Id>(atomic_set.begin(), atomic_set.end()), expected[id]);
            /* A calculated stream table outside of atomic sets is refreshed at least as often as each
             * dependent. */
            bool is_free = atomic_set.empty() && own.kind == Schedule::Kind::calculated && !effective.schedules.empty();
            bool is_read_by_owner = false;
            for (Id reader : world.graph.direct_downstreams(id)) {
                is_read_by_owner |= world.terms[reader].owner == world.terms[id].owner;
                const EffectiveSchedule &of_reader = world.schedules.of(reader);
                if (is_free && !of_reader.waits_for_all) {
                    ASSERT_FALSE(of_reader.schedules.empty());
                    EXPECT_LE(effective.schedules.front().seconds, of_reader.schedules.front().seconds);
                }
            }
            if (is_free)
                EXPECT_TRUE(is_read_by_owner);
        }
        ASSERT_FALSE(HasFailure()) << "graph " << i;
    }
}

} // namespace
