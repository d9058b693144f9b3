#include "scheduler/graph/hold.hpp"

#include <gtest/gtest.h>

using namespace pgtrickle::scheduler;

namespace {

using Kind = Hold::Kind;

/* Tables 1, 2, 3; 10 reads 1, 11 reads 2, 12 reads 10 and 11, 13 reads 3. */
Graph sample()
{
    Graph graph;
    graph.set(10, {1});
    graph.set(11, {2});
    graph.set(12, {10, 11});
    graph.set(13, {3});
    return graph;
}

std::optional<Kind> kind_of(const Holds &holds, Id id)
{
    std::optional<Hold> hold = hold_of(holds, sample(), id);
    return hold ? std::optional<Kind>(hold->kind) : std::nullopt;
}

TEST(Hold, nothing_is_held_unless_somebody_said_so)
{
    Holds holds;
    EXPECT_TRUE(holds.is_empty());
    for (Id id : {10, 11, 12, 13})
        EXPECT_EQ(hold_of(holds, sample(), id), std::nullopt);
}

TEST(Hold, a_paused_or_frozen_one_does_not_hold_its_readers)
{
    Holds holds;
    holds.paused = {10};
    holds.frozen = {11};
    EXPECT_FALSE(holds.is_empty());
    EXPECT_EQ(kind_of(holds, 10), Kind::paused);
    EXPECT_EQ(kind_of(holds, 11), Kind::frozen);
    EXPECT_EQ(kind_of(holds, 12), std::nullopt);
}

TEST(Hold, a_gate_holds_all_above_it)
{
    Holds holds;
    holds.gated = {1};
    EXPECT_EQ(hold_of(holds, sample(), 10), (Hold{Kind::gated, 1, ""}));
    EXPECT_EQ(hold_of(holds, sample(), 12), (Hold{Kind::gated, 1, ""}));
    EXPECT_EQ(kind_of(holds, 11), std::nullopt);
    EXPECT_EQ(kind_of(holds, 13), std::nullopt);
}

TEST(Hold, a_gate_on_a_stream_table_holds_its_readers_only)
{
    Holds holds;
    holds.gated = {10};
    EXPECT_EQ(kind_of(holds, 10), std::nullopt);
    EXPECT_EQ(kind_of(holds, 12), Kind::gated);
}

TEST(Hold, a_gate_on_a_partition_holds_who_reads_the_whole)
{
    Holds holds;
    holds.gated = {77};
    holds.relatives[77] = {1};
    EXPECT_EQ(hold_of(holds, sample(), 12), (Hold{Kind::gated, 77, ""}));
    EXPECT_EQ(kind_of(holds, 11), std::nullopt);
}

TEST(Hold, those_of_relations_that_nothing_reads_are_left_out)
{
    Holds holds;
    holds.gated = {1, 77, 88, 99};
    holds.relatives[77] = {2};
    holds.groups = {{"of_one", {3}, 0}, {"of_others", {88, 99}, 0}, {"of_two", {1, 2, 99}, 0}, {"too_few", {1, 99}, 0}};
    holds.paused = {99};
    const Holds found = concerning(holds, sample());
    EXPECT_EQ(found.gated, (std::set<Id>{1, 77}));
    ASSERT_EQ(found.groups.size(), 2);
    EXPECT_EQ(found.groups[0].name, "of_one");
    EXPECT_EQ(found.groups[1].name, "of_two");
    EXPECT_EQ(found.paused, holds.paused);
    for (Id id : {10, 11, 12, 13})
        EXPECT_EQ(hold_of(found, sample(), id), hold_of(holds, sample(), id));
}

TEST(Hold, draining_and_pausing_all_hold_everybody)
{
    Holds holds;
    holds.is_all_paused = true;
    EXPECT_EQ(kind_of(holds, 13), Kind::all_paused);
    holds.is_draining = true;
    EXPECT_EQ(kind_of(holds, 13), Kind::drained);
}

TEST(Hold, what_protects_data_comes_before_what_saves_work)
{
    Holds holds;
    holds.is_draining = true;
    holds.paused = {10};
    holds.gated = {1};
    EXPECT_EQ(kind_of(holds, 10), Kind::gated);
    EXPECT_EQ(kind_of(holds, 11), Kind::drained);
}

Holds with_group(Microseconds tolerance_us)
{
    Holds holds;
    holds.groups = {{"load", {1, 2}, tolerance_us}};
    return holds;
}

TEST(Watermarks, a_group_waits_for_its_first_watermarks)
{
    Holds holds = with_group(0);
    EXPECT_EQ(hold_of(holds, sample(), 12), (Hold{Kind::not_advanced, 1, "load"}));
    holds.watermarks[1] = 100;
    EXPECT_EQ(hold_of(holds, sample(), 12), (Hold{Kind::not_advanced, 2, "load"}));
    holds.watermarks[2] = 100;
    EXPECT_EQ(hold_of(holds, sample(), 12), std::nullopt);
}

TEST(Watermarks, a_reader_of_one_of_the_sources_does_not_wait_for_the_others)
{
    Holds holds = with_group(0);
    holds.watermarks = {{1, 100}};
    EXPECT_EQ(kind_of(holds, 10), std::nullopt);
    EXPECT_EQ(kind_of(holds, 13), std::nullopt);
    EXPECT_EQ(hold_of(holds, sample(), 12), (Hold{Kind::not_advanced, 2, "load"}));
}

TEST(Watermarks, a_group_of_one_source_holds_its_readers)
{
    Holds holds;
    holds.groups = {{"load", {1}, 0}};
    EXPECT_EQ(hold_of(holds, sample(), 10), (Hold{Kind::not_advanced, 1, "load"}));
    holds.watermarks = {{1, 100}};
    EXPECT_EQ(kind_of(holds, 10), std::nullopt);
    holds.applied_watermarks[{10, "load"}] = 100;
    EXPECT_TRUE(hold_of(holds, sample(), 10)->is_up_to_date());
}

TEST(Watermarks, the_least_advanced_source_keeps_the_group_back)
{
    Holds holds = with_group(10);
    holds.watermarks = {{1, 100}, {2, 89}};
    Id laggard = 0;
    EXPECT_EQ(advanced_to(holds, holds.groups[0], &laggard), std::nullopt);
    EXPECT_EQ(laggard, 2u);
    holds.watermarks[2] = 90; /* within the tolerance */
    EXPECT_EQ(advanced_to(holds, holds.groups[0]), 90);
    holds.watermarks[2] = 115;
    EXPECT_EQ(advanced_to(holds, holds.groups[0], &laggard), std::nullopt);
    EXPECT_EQ(laggard, 1u);
}

TEST(Watermarks, one_advance_is_one_refresh)
{
    Holds holds = with_group(10);
    holds.watermarks = {{1, 100}, {2, 100}};
    holds.applied_watermarks[{12, "load"}] = 100;
    EXPECT_EQ(hold_of(holds, sample(), 12), (Hold{Kind::not_advanced, 0, "load"}));
    EXPECT_EQ(kind_of(holds, 11), std::nullopt) << "which has not been refreshed since";
    holds.watermarks[1] = 105; /* one source has advanced, and is within the tolerance; the group has not advanced */
    EXPECT_EQ(hold_of(holds, sample(), 12), (Hold{Kind::not_advanced, 0, "load"}));
    holds.watermarks[2] = 101;
    EXPECT_EQ(kind_of(holds, 12), std::nullopt);
}

TEST(Watermarks, both_ends_of_time_are_far_apart)
{
    Holds holds = with_group(second_us);
    holds.watermarks = {{1, INT64_MIN}, {2, INT64_MAX}};
    EXPECT_EQ(advanced_to(holds, holds.groups[0]), std::nullopt);
}

TEST(Watermarks, each_group_has_to_advance)
{
    Holds holds;
    holds.groups = {{"a", {1}, 0}, {"b", {2}, 0}};
    holds.watermarks = {{1, 5}, {2, 5}};
    holds.applied_watermarks = {{{12, "a"}, 4}, {{12, "b"}, 5}};
    EXPECT_EQ(hold_of(holds, sample(), 12), (Hold{Kind::not_advanced, 0, "b"}));
}

TEST(Hold, an_owner_gets_past_what_is_about_work_only)
{
    auto hold = [](Kind kind) { return Hold{kind, 0, {}}; };
    for (Kind kind : {Kind::drained, Kind::all_paused}) {
        EXPECT_FALSE(stops(hold(kind), RequestedBy::owner, true));
        EXPECT_FALSE(stops(hold(kind), RequestedBy::owner, false));
    }
    for (Kind kind : {Kind::paused, Kind::frozen}) {
        EXPECT_FALSE(stops(hold(kind), RequestedBy::owner, true));
        EXPECT_TRUE(stops(hold(kind), RequestedBy::owner, false)) << "it stays where it is";
    }
    for (Kind kind : {Kind::gated, Kind::not_advanced})
        EXPECT_TRUE(stops(hold(kind), RequestedBy::owner, true));
    for (Kind kind : {Kind::drained, Kind::all_paused, Kind::paused, Kind::frozen, Kind::gated, Kind::not_advanced})
        for (RequestedBy asked : {RequestedBy::scheduler, RequestedBy::reader})
            EXPECT_TRUE(stops(hold(kind), asked, true));
}

TEST(Hold, upstreams_lead_to_sources_of_a_group_at_any_depth)
{
    Graph graph = sample();
    graph.set(14, {12, 13});
    Holds holds;
    const WatermarkGroup group = {"load", {1, 9}};
    EXPECT_EQ(leading_to(holds, group, graph, 14), (std::set<Id>{10, 12}));
    EXPECT_EQ(leading_to(holds, group, graph, 10), std::set<Id>{});
    holds.relatives[9] = {3};
    EXPECT_EQ(leading_to(holds, group, graph, 14), (std::set<Id>{10, 12, 13}));
}

} // namespace
