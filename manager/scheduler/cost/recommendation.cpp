#include "scheduler/cost/recommendation.hpp"

#include <algorithm>
#include <cstdio>

namespace pgtrickle::scheduler {

namespace {

constexpr double clearly = 1.2;     /* ratio of the times of two ways from which on one is not recommended */
constexpr double few_written = 0.3; /* share of the stored rows */

std::string ms(double us)
{
    char text[32];
    snprintf(text, sizeof(text), "%.1f ms", us / 1000);
    return text;
}

const char *confidence_of(int64_t refreshes)
{
    return refreshes >= 10 ? "high" : refreshes >= 3 ? "medium" : "low";
}

/* The phrase for a stream table that was not refreshed. */
const char *since_when(const Signals &signals)
{
    return signals.fills > 0 ? "since it was filled" : "yet";
}

Recommendation for_differential(const Signals &signals)
{
    const double full = signals.full_or_fill_us();
    if (signals.deltas == 0 || full <= 0)
        return {RefreshMode::differential, "low", "there are no refreshes to compare yet"};
    const char *confidence = confidence_of(signals.fulls > 0 ? std::min(signals.deltas, signals.fulls * 3)
                                                             : std::min<int64_t>(signals.deltas, 9));
    if (signals.delta_us > clearly * full)
        return {RefreshMode::automatic, confidence,
                "a differential refresh takes " + ms(signals.delta_us) + " on average, a full refresh " + ms(full)};
    if (signals.longest_delta_us > clearly * full)
        return {RefreshMode::automatic, confidence,
                "the slowest differential refresh took " + ms(signals.longest_delta_us) + ", a full refresh takes " +
                    ms(full)};
    return {RefreshMode::differential, confidence,
            "no differential refresh took longer than a full refresh, which takes " + ms(full)};
}

Recommendation for_full(const Signals &signals)
{
    if (signals.fulls == 0)
        return {RefreshMode::automatic, "low",
                std::string("it can be maintained by deltas, and has not been refreshed ") + since_when(signals)};
    if (signals.stored_rows <= 0 || signals.written_rows > few_written * signals.stored_rows)
        return {RefreshMode::full, "low", "a large part of its rows changes from one refresh to the next"};
    return {RefreshMode::automatic, signals.fulls >= 3 ? "medium" : "low",
            "it can be maintained by deltas, and few of its rows change from one refresh to the next"};
}

Recommendation for_auto(const Signals &signals)
{
    const char *confidence = confidence_of(signals.deltas + signals.fulls);
    if (signals.deltas == 0 && signals.fulls == 0)
        return {RefreshMode::automatic, confidence, std::string("it has not been refreshed ") + since_when(signals)};
    std::string reason = "each refresh uses the cheaper method: " + std::to_string(signals.deltas) + " by deltas";
    if (signals.deltas > 0)
        reason += ", " + ms(signals.delta_us) + " on average";
    reason += "; " + std::to_string(signals.fulls) + " in full";
    if (signals.fulls > 0)
        reason += ", " + ms(signals.full_us) + " on average";
    return {RefreshMode::automatic, confidence, reason};
}

} // namespace

Recommendation recommend(const Signals &signals)
{
    if (!signals.objection.empty())
        return {signals.configured, "high", "it cannot be maintained by deltas: " + signals.objection};
    switch (signals.configured) {
    case RefreshMode::automatic: return for_auto(signals);
    case RefreshMode::differential: return for_differential(signals);
    case RefreshMode::full: return for_full(signals);
    case RefreshMode::immediate: break;
    }
    return {signals.configured, "high", "it is maintained by the transactions that change its sources"};
}

} // namespace pgtrickle::scheduler
