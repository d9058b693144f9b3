#include "scheduler/share.hpp"

#include <gtest/gtest.h>

#include <map>

using namespace pgtrickle::scheduler;

namespace {

TEST(Share, leaves_a_worker_to_others_by_default)
{
    EXPECT_EQ(share_of(0, 4), 3);
    EXPECT_EQ(share_of(0, 2), 1);
}

TEST(Share, is_one_worker_where_there_is_one)
{
    EXPECT_EQ(share_of(0, 1), 1);
    EXPECT_EQ(share_of(3, 1), 1);
}

TEST(Share, is_what_the_setting_says_and_no_more_than_there_are)
{
    EXPECT_EQ(share_of(2, 4), 2);
    EXPECT_EQ(share_of(4, 4), 4);
    EXPECT_EQ(share_of(9, 4), 4);
}

/* A chain 10 → 11 → 12 → 13, each reading the next, and 10 → 14. */
struct Chain {
    Graph graph;
    std::map<Id, Below> looks;

    Chain()
    {
        graph.set(13, {1});
        graph.set(12, {13});
        graph.set(11, {12});
        graph.set(14, {1});
        graph.set(10, {11, 14, 2});
    }
    Ids needed(const Ids &members)
    {
        return needed_before(graph, members, [&](Id id) { return looks.at(id); });
    }
};

TEST(Needed, is_met_on_the_way_down)
{
    Chain chain;
    chain.looks = {{11, Below::fresh}, {12, Below::first}, {14, Below::first}};
    Ids needed = chain.needed({10});
    std::sort(needed.begin(), needed.end());
    EXPECT_EQ(needed, (Ids{12, 14})) << "and 13, below it, is for the job of 12";
}

TEST(Needed, is_nothing_below_what_is_read_as_it_stands)
{
    Chain chain;
    chain.looks = {{11, Below::as_it_stands}, {14, Below::fresh}};
    EXPECT_EQ(chain.needed({10}), Ids{}) << "12 is not even looked at";
}

TEST(Needed, is_looked_for_below_each_member_and_members_are_not)
{
    Chain chain;
    chain.looks = {{13, Below::first}, {14, Below::fresh}};
    EXPECT_EQ(chain.needed({12, 11, 10}), Ids{13});
}

} // namespace
