/* AUTO's model against simulated costs: with noise, drift, growth, wrong priors, and no measurements at
 * first. */
#include "scheduler/cost/cost_model.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <random>

using namespace pgtrickle::scheduler;

namespace {

constexpr double rows = 1'000'000;
constexpr double s = 1'000'000; /* microseconds */
constexpr double break_even = 0.15;

/* Actual cost of refreshes, by the share of rows changed. */
struct World {
    std::function<double(double share)> delta;
    std::function<double(double share)> full;
    std::function<double(std::mt19937 &, int number)> share;
    double fill = s;
    double noise = 0.15;   /* standard deviation of the logarithm */
    double hiccups = 0.03; /* probability that a refresh takes three times as long */
    double drift = 1;      /* factor of a delta's time from one refresh to the next */
    double growth = 1;     /* factor of the sources' size from one refresh to the next */
};

World linear(double even_at)
{
    return {.delta = [=](double share) { return 2000 + s * share / even_at; },
            .full = [=](double share) { return 0.9 * s + 0.05 * s * share / even_at; },
            .share =
                [](std::mt19937 &random, int) {
                    return std::exp(std::uniform_real_distribution<>(std::log(0.005), std::log(0.6))(random));
                }};
}

auto between(double least, double most)
{
    return [=](std::mt19937 &random, int) { return std::uniform_real_distribution<>(least, most)(random); };
}

void remember(std::vector<Measured> &past, Measured one)
{
    one.number = past.empty() ? 1 : past.back().number + 1;
    past.push_back(one);
    auto of_this_way = std::count_if(past.begin(), past.end(), [&](const Measured &m) { return m.way == one.way; });
    if (of_this_way > most_measured)
        past.erase(std::find_if(past.begin(), past.end(), [&](const Measured &m) { return m.way == one.way; }));
}

struct Sums {
    double taken = 0, deltas = 0, fulls = 0;
    double ratio() const { return taken / std::min(deltas, fulls); }
};

/* Simulates one refresh, given its cost by a delta and by a full refresh. */
void refresh(std::vector<Measured> &past, const Work &work, double delta, double full, Sums *sums)
{
    Choice choice = choose(past, work, break_even);
    double took = choice.way == RefreshKind::delta ? delta : full;
    bool is_given_up = choice.way == RefreshKind::delta && choice.give_up_us > 0 && delta > choice.give_up_us;
    if (is_given_up) {
        remember(past, {RefreshKind::delta, work, choice.give_up_us,
                        choice.trial_us(RefreshKind::delta, choice.give_up_us + choice.full_us), true});
        remember(past, {RefreshKind::full, work, full, 0, false});
        took = choice.give_up_us + full;
    } else {
        remember(past, {choice.way, work, took, choice.trial_us(choice.way, took), false});
    }
    sums->taken += took;
    sums->deltas += delta;
    sums->fulls += full;
}

double play(const World &world, unsigned seed, int refreshes = 60)
{
    std::mt19937 random(seed);
    std::normal_distribution<> noise(0, world.noise);
    auto luck = [&] {
        return std::exp(noise(random)) * (std::uniform_real_distribution<>(0, 1)(random) < world.hiccups ? 3 : 1);
    };
    std::vector<Measured> past = {{RefreshKind::fill, {rows, {}}, world.fill * std::exp(noise(random))}};
    Sums sums;
    double drift = 1, growth = 1;
    for (int i = 0; i < refreshes; i++, drift *= world.drift, growth *= world.growth) {
        double share = world.share(random, i);
        Work work{rows * growth, {{1, share * rows * growth}}};
        refresh(past, work, world.delta(share) * luck() * drift * growth, world.full(share) * luck() * growth, &sums);
    }
    return sums.ratio();
}

/* A run costs at most 1.2 times the better way, except two of 40 runs with hiccups, and at most 1.12 times on
 * average. */
void expect_near_the_better_way(const char *what, const World &world)
{
    std::vector<double> ratios;
    for (unsigned seed = 1; seed <= 40; seed++)
        ratios.push_back(play(world, seed * 7919));
    std::sort(ratios.begin(), ratios.end());
    EXPECT_LE(std::accumulate(ratios.begin(), ratios.end(), 0.0) / 40, 1.12) << what;
    EXPECT_LE(ratios[37], 1.2) << what;
}

TEST(CostModel, stays_near_the_better_way_whatever_the_break_even)
{
    for (double even_at : {0.03, 0.08, 0.15, 0.3, 0.6, 1.5})
        expect_near_the_better_way(("break-even at " + std::to_string(even_at)).c_str(), linear(even_at));
}

TEST(CostModel, stays_near_it_with_even_small_growing_and_alternating_deltas)
{
    for (double even_at : {0.03, 0.15, 0.3}) {
        World world = linear(even_at);
        world.share = between(0.01, 0.6);
        expect_near_the_better_way("evenly spread", world);
        world.share = between(0.001, 0.02);
        expect_near_the_better_way("small", world);
        world.share = [](std::mt19937 &, int number) { return 0.01 + 0.59 * number / 60; };
        expect_near_the_better_way("growing", world);
        world.share = [](std::mt19937 &, int number) { return number % 2 == 0 ? 0.02 : 0.6; };
        expect_near_the_better_way("alternating", world);
    }
}

TEST(CostModel, stays_near_it_when_the_first_fill_misleads)
{
    for (double fill : {0.7, 1.6, 3.0}) {
        World world = linear(0.15);
        world.fill = fill * s;
        expect_near_the_better_way("a fill of other cost", world);
    }
}

/* Small deltas predict large ones poorly. */
TEST(CostModel, stays_near_it_when_only_small_deltas_were_seen_at_first)
{
    for (double even_at : {0.03, 0.15, 1.5}) {
        World world = linear(even_at);
        world.delta = [=](double share) { return 0.03 * s + s * share / even_at; };
        world.share = [](std::mt19937 &random, int number) {
            return number < 4 ? 0.0003 : number % 3 == 0 ? 0.0005 : std::uniform_real_distribution<>(0.01, 0.6)(random);
        };
        expect_near_the_better_way("small ones first", world);
    }
}

TEST(CostModel, follows_what_drifts_and_grows)
{
    for (double drift : {0.97, 1.03}) {
        World world = linear(0.15);
        world.drift = drift;
        expect_near_the_better_way("drift", world);
    }
    World world = linear(0.1);
    world.growth = 1.05;
    expect_near_the_better_way("growth", world);
}

TEST(CostModel, follows_deltas_that_recompute_all_beyond_some_size)
{
    World world = linear(0.15);
    world.delta = [](double share) { return share < 0.05 ? 2000 + 20 * s * share : s + 0.2 * s * share; };
    world.full = [](double share) { return 0.9 * s + 0.2 * s * share; };
    expect_near_the_better_way("recomputing", world);
    world.full = [](double share) { return 0.4 * s + 0.2 * s * share; };
    expect_near_the_better_way("recomputing, dear", world);
}

TEST(CostModel, goes_by_the_share_while_nothing_is_known)
{
    EXPECT_EQ(choose({}, {rows, {{1, 0.1 * rows}}}, break_even).way, RefreshKind::delta);
    Choice choice = choose({}, {rows, {{1, 0.2 * rows}}}, break_even);
    EXPECT_EQ(choice.way, RefreshKind::full);
    EXPECT_EQ(choice.why, Why::share);
    EXPECT_EQ(choice.full_us, 0);
}

TEST(CostModel, the_ends_of_the_setting_decide_alone)
{
    std::vector<Measured> past = {{RefreshKind::full, {rows, {{1, 10}}}, s},
                                  {RefreshKind::delta, {rows, {{1, 0.5 * rows}}}, 100 * s}};
    EXPECT_EQ(choose(past, {rows, {{1, 0.5 * rows}}}, 1).way, RefreshKind::delta);
    EXPECT_EQ(choose(past, {rows, {{1, 0.5 * rows}}}, 1).give_up_us, 0);
    EXPECT_EQ(choose(past, {rows, {{1, 200}}}, 0).way, RefreshKind::full);
}

/* The cost of a row of a dimension depends on the rows that it matches. */
TEST(CostModel, knows_what_a_row_of_each_source_costs)
{
    std::vector<Measured> past = {{RefreshKind::fill, {rows, {}}, s}};
    for (int i = 0; i < 5; i++) {
        remember(past, {RefreshKind::full, {rows, {{1, 1000}, {2, 50}}}, s});
        remember(past, {RefreshKind::delta, {rows, {{1, 40'000.0 + i}}}, 0.1 * s});
        remember(past, {RefreshKind::delta, {rows, {{2, 40.0 + i}}}, 2 * s});
    }
    EXPECT_EQ(choose(past, {rows, {{1, 100'000}}}, break_even).way, RefreshKind::delta);
    EXPECT_EQ(choose(past, {rows, {{2, 45}}}, break_even).way, RefreshKind::full);
    EXPECT_EQ(choose(past, {rows, {{1, 10'000}, {2, 45}}}, break_even).way, RefreshKind::full);
}

TEST(CostModel, does_not_waver_where_both_take_the_same)
{
    std::vector<Measured> past = {{RefreshKind::fill, {rows, {}}, s}};
    for (int i = 0; i < 8; i++)
        for (RefreshKind way : {RefreshKind::full, RefreshKind::delta})
            remember(past, {way, {rows, {{1, 100'000}}}, way == RefreshKind::full ? 1.00 * s : 1.03 * s});
    Choice choice = choose(past, {rows, {{1, 100'000}}}, break_even);
    EXPECT_EQ(choice.way, RefreshKind::delta);
    EXPECT_EQ(choice.why, Why::close);
    std::swap(past[past.size() - 1], past[past.size() - 2]);
    EXPECT_EQ(choose(past, {rows, {{1, 100'000}}}, break_even).way, RefreshKind::full);
}

TEST(CostModel, a_single_slow_refresh_changes_no_mind)
{
    std::vector<Measured> past = {{RefreshKind::fill, {rows, {}}, s}};
    for (int i = 0; i < 6; i++) {
        remember(past, {RefreshKind::full, {rows, {{1, 100'000}}}, s});
        remember(past, {RefreshKind::delta, {rows, {{1, 100'000}}}, 0.6 * s});
    }
    past.back().took_us *= 5;
    EXPECT_EQ(choose(past, {rows, {{1, 100'000}}}, break_even).way, RefreshKind::delta);
}

TEST(CostModel, gives_up_a_delta_of_which_it_knows_nothing)
{
    std::vector<Measured> past = {{RefreshKind::fill, {rows, {}}, s}};
    Choice choice = choose(past, {rows, {{1, 50'000}}}, break_even);
    EXPECT_EQ(choice.way, RefreshKind::delta);
    EXPECT_GT(choice.give_up_us, 0.5 * s);
    EXPECT_LT(choice.give_up_us, 1.5 * s);
}

TEST(CostModel, counts_what_is_still_to_be_read_to_a_delta)
{
    std::vector<Measured> past = {{RefreshKind::fill, {rows, {}}, s}};
    for (int i = 0; i < 6; i++) {
        remember(past, {RefreshKind::full, {rows, {{1, 100'000}}}, s});
        remember(past, {RefreshKind::delta, {rows, {{1, 100'000}}}, 0.8 * s});
    }
    Work work{rows, {{1, 100'000}}};
    EXPECT_EQ(choose(past, work, break_even).way, RefreshKind::delta);
    work.reading_us = 0.5 * s;
    EXPECT_EQ(choose(past, work, break_even).way, RefreshKind::full);
}

/* The other way becomes better: the model detects it, and the cost of finding out is bounded. */
TEST(CostModel, comes_back_when_the_other_way_has_become_better)
{
    std::vector<Measured> past = {{RefreshKind::fill, {rows, {}}, s}};
    Sums before, after;
    Work work{rows, {{1, 0.2 * rows}}};
    for (int i = 0; i < 30; i++)
        refresh(past, work, 1.6 * s, s, &before);
    EXPECT_LE(before.ratio(), 1.2);
    for (int i = 0; i < 60; i++)
        refresh(past, work, 0.3 * s, s, &after);
    EXPECT_EQ(choose(past, work, break_even).way, RefreshKind::delta);
}

} // namespace
