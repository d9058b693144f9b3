#include "scheduler/graph/atomic_sets.hpp"
#include "scheduler/graph/refresh_batch.hpp"
#include "seed.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

using namespace pgtrickle::scheduler;

namespace {

TEST(AtomicSets, that_share_a_member_are_one)
{
    AtomicSets sets;
    sets.add({12, 10});
    sets.add({21, 20});
    EXPECT_EQ(sets.of(12), (Ids{10, 12}));
    EXPECT_EQ(sets.first_of(12), 10u);
    EXPECT_EQ(sets.of(11), Ids{});
    EXPECT_EQ(sets.first_of(11), 0u);
    sets.add({12, 20, 5});
    EXPECT_EQ(sets.of(21), (Ids{5, 10, 12, 20, 21}));
    EXPECT_EQ(sets.of(10), sets.of(21));
    EXPECT_EQ(sets.all().size(), 1u);
}

TEST(AtomicSets, have_two_members_at_least)
{
    AtomicSets sets;
    sets.add({10});
    sets.add({11, 11});
    EXPECT_TRUE(sets.is_empty());
    sets.add({10, 11});
    EXPECT_TRUE(sets.among({10, 12}).is_empty());
    EXPECT_EQ(sets.among({12, 11, 10}), sets);
}

TEST(AtomicSets, are_equal_whatever_they_were_made_from)
{
    AtomicSets one, other;
    one.add({10, 11});
    one.add({20, 21});
    one.add({11, 12});
    other.add({21, 20});
    EXPECT_NE(one, other);
    other.add({12, 10, 11});
    EXPECT_EQ(one, other);
}

TEST(AtomicSets, cover_what_is_within_one_of_them)
{
    AtomicSets sets;
    sets.add({10, 11, 12});
    sets.add({20, 21});
    EXPECT_TRUE(sets.cover({}));
    EXPECT_TRUE(sets.cover({10, 12}));
    EXPECT_FALSE(sets.cover({10, 13}));
    EXPECT_FALSE(sets.cover({10, 20}));
    EXPECT_FALSE(sets.cover({30, 31}));
}

/* A refresh finds the sets of its members from their downstreams and the upstreams of these; a manager from
 * its whole graph. */
TEST(AtomicSets, around_a_stream_table_are_those_of_the_whole_graph)
{
    std::mt19937 random(seed_of(11));
    for (int round = 0; round < 500; round++) {
        Graph graph;
        std::map<Id, bool> is_atomic;
        std::map<Id, Id> owners;
        const Id count = 1 + random() % 14;
        for (Id id = 10; id < 10 + count; id++) {
            Ids sources;
            for (size_t k = 1 + random() % 3; k > 0; k--)
                sources.push_back(id > 10 && random() % 3 ? 10 + random() % (id - 10) : 1 + random() % 5);
            graph.set(id, sources);
            is_atomic[id] = random() % 3 != 0;
            owners[id] = round % 3 == 0 ? random() % 2 : 0;
        }
        auto find = [&](const Ids &ids) {
            return find_atomic_sets(
                graph, ids, [&](Id id) { return is_atomic[id]; }, [&](Id id) { return owners[id]; });
        };
        const AtomicSets whole = find(graph.ids());
        for (Id id = 10; id < 10 + count; id++) {
            AtomicSets around;
            Ids set = {id}, before;
            while (set != before) {
                before = set;
                for (Id member : before) {
                    Ids ends = graph.downstreams(member);
                    ends.push_back(member);
                    around.add(find(with_upstreams(graph, ends)));
                }
                if (!around.of(id).empty())
                    set = around.of(id);
            }
            ASSERT_EQ(around.of(id), whole.of(id)) << round;
            /* Every set found is a union of sets of the whole graph. */
            for (const auto &[first, members] : around.all())
                ASSERT_TRUE(whole.cover(members)) << round;
        }
    }
}

} // namespace
