#include "scheduler/rest.hpp"

#include <algorithm>

namespace pgtrickle::scheduler {

void Rest::note_refresh(Microseconds took_us, int64_t commits, Microseconds now, Microseconds longest_us)
{
    const bool is_hot = commits >= many_commits;
    const Microseconds divisor = is_hot ? 16 : 2;
    Microseconds passed = std::clamp<Microseconds>(now - as_of_, 0, 3600 * second_us);
    credit_us_ = std::min(is_hot ? 0 : most_us, credit_us_ + passed / divisor) - took_us;
    as_of_ = now;
    until_ = 0;
    fruitless_ = 0;
    if (credit_us_ < 0) {
        Microseconds rest_us = std::min(-credit_us_ * divisor, longest_us);
        /* What the longest rest does not pay back is let off: an old debt must not slow down what is quick again. */
        credit_us_ = -rest_us / divisor;
        until_ = now + rest_us;
    }
}

void Rest::note_fruitless(Microseconds now, Microseconds longest_us)
{
    fruitless_ = std::min(fruitless_ + 1, 20);
    until_ = std::max(until_, now + std::min(Microseconds{500} << fruitless_, longest_us));
}

} // namespace pgtrickle::scheduler
