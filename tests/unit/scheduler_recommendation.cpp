#include "scheduler/cost/recommendation.hpp"

#include <gtest/gtest.h>

using pgtrickle::RefreshMode;
using namespace pgtrickle::scheduler;

namespace {

Signals of(RefreshMode configured, int64_t deltas, double delta_us, int64_t fulls, double full_us)
{
    Signals signals;
    signals.configured = configured;
    signals.deltas = deltas;
    signals.delta_us = signals.longest_delta_us = delta_us;
    signals.fulls = fulls;
    signals.full_us = full_us;
    return signals;
}

TEST(Recommendation, a_mode_whose_deltas_are_dearer_gives_way_to_AUTO)
{
    EXPECT_EQ(recommend(of(RefreshMode::differential, 20, 5000, 20, 1000)).mode, RefreshMode::automatic);
    EXPECT_EQ(recommend(of(RefreshMode::differential, 20, 5000, 20, 1000)).confidence, "high");
    EXPECT_EQ(recommend(of(RefreshMode::differential, 20, 500, 20, 1000)).mode, RefreshMode::differential);
    Signals signals = of(RefreshMode::differential, 20, 500, 20, 1000);
    signals.longest_delta_us = 9000;
    EXPECT_EQ(recommend(signals).mode, RefreshMode::automatic);
}

TEST(Recommendation, a_first_fill_stands_for_a_full_refresh_with_less_confidence)
{
    Signals signals = of(RefreshMode::differential, 50, 5000, 0, 0);
    EXPECT_EQ(recommend(signals).mode, RefreshMode::differential);
    EXPECT_EQ(recommend(signals).confidence, "low");
    signals.fills = 1;
    signals.fill_us = 1000;
    EXPECT_EQ(recommend(signals).mode, RefreshMode::automatic);
    EXPECT_EQ(recommend(signals).confidence, "medium");
}

TEST(Recommendation, a_full_mode_gives_way_where_little_changes_and_deltas_are_possible)
{
    Signals signals = of(RefreshMode::full, 0, 0, 5, 1000);
    signals.stored_rows = 1000;
    signals.written_rows = 10;
    EXPECT_EQ(recommend(signals).mode, RefreshMode::automatic);
    signals.written_rows = 900;
    EXPECT_EQ(recommend(signals).mode, RefreshMode::full);
    signals.written_rows = 10;
    signals.objection = "volatile function random()";
    EXPECT_EQ(recommend(signals).mode, RefreshMode::full);
    EXPECT_NE(recommend(signals).reason.find("random()"), std::string::npos);
}

TEST(Recommendation, what_was_filled_only_is_not_said_never_to_have_been_touched)
{
    for (RefreshMode mode : {RefreshMode::automatic, RefreshMode::full}) {
        Signals signals = of(mode, 0, 0, 0, 0);
        EXPECT_TRUE(recommend(signals).reason.ends_with(" not been refreshed yet"));
        signals.fills = 1;
        EXPECT_TRUE(recommend(signals).reason.ends_with(" not been refreshed since it was filled"));
    }
}

TEST(Recommendation, AUTO_and_IMMEDIATE_stay)
{
    EXPECT_EQ(recommend(of(RefreshMode::automatic, 3, 5000, 3, 1000)).mode, RefreshMode::automatic);
    EXPECT_EQ(recommend(of(RefreshMode::automatic, 0, 0, 0, 0)).confidence, "low");
    EXPECT_EQ(recommend(of(RefreshMode::immediate, 3, 5000, 3, 1000)).mode, RefreshMode::immediate);
}

} // namespace
