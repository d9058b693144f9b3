#include "scheduler/worker_affinity.hpp"

#include <algorithm>

namespace pgtrickle::scheduler {

namespace {

/* Who has worked last, so that the others can leave. */
const Hand *idle_one(const std::vector<Hand> &hands)
{
    const Hand *chosen = nullptr;
    for (const Hand &hand : hands)
        if (!hand.is_busy && (chosen == nullptr || hand.since > chosen->since))
            chosen = &hand;
    return chosen;
}

/* Who will be free first, as far as one can say. */
const Hand *latest_to_begin(const std::vector<Hand> &hands)
{
    auto latest = std::max_element(hands.begin(), hands.end(),
                                   [](const Hand &one, const Hand &other) { return one.since < other.since; });
    return latest == hands.end() ? nullptr : &*latest;
}

} // namespace

Assignment assign(const std::vector<Hand> &hands, int home, Microseconds wanted_since, Microseconds now)
{
    auto own = std::find_if(hands.begin(), hands.end(), [=](const Hand &hand) { return hand.number == home; });
    const Hand *idle = own != hands.end() && !own->is_busy ? &*own : idle_one(hands);
    const bool has_home = own != hands.end();
    if (idle != nullptr && (!has_home || idle->number == home))
        return {Assignment::To::hand, idle->number};
    if (const Hand *awaited = has_home ? &*own : latest_to_begin(hands)) {
        Microseconds until = std::min(std::min(wanted_since, now) + patience_us, awaited->since + long_job_us);
        if (awaited->since <= now && now < until)
            return {Assignment::To::later, 0, until};
    }
    if (idle != nullptr)
        return {Assignment::To::hand, idle->number};
    return {Assignment::To::another};
}

} // namespace pgtrickle::scheduler
