#include "refresh/run/mode_choice.hpp"

#include "catalog/tables/history.hpp"
#include "definition/guc.hpp"
#include "refresh/run/base_rows.hpp"

#include <algorithm>

namespace pgtrickle::refresh {

namespace {

/* For fewer changed rows the model is consulted only if they are a large part of a source, or if the last
 * delta took long. */
constexpr double few_rows = 100;
constexpr double large_part = 0.1;      /* share of a source */
constexpr double small_base = 1000;     /* rows of the sources: either kind of refresh takes almost no time */
constexpr double many_each = 1000;      /* source rows per changed row: a full refresh takes some milliseconds */
constexpr int most_unread = 6;          /* consecutive full refreshes that have not read the changes */
constexpr int64_t expensive_us = 5'000; /* consulting the model takes a hundredth of it */

bool changes_large_part(const Compiled &compiled, const std::vector<scheduler::ChangedRows> &changes)
{
    auto is_large = [](const scheduler::ChangedRows &change) {
        double rows = call([&] { return known_rows(change.source); });
        return rows > 0 && change.rows > large_part * rows;
    };
    if (std::none_of(changes.begin(), changes.end(), is_large))
        return false;
    double all = 0, changed = 0;
    for (const CompiledSource &source : compiled.sources)
        all += call([&] { return known_rows(source.relid); });
    for (const scheduler::ChangedRows &change : changes)
        changed += change.rows;
    return all > many_each * changed;
}

std::string ms_text(double us)
{
    char text[32];
    snprintf(text, sizeof(text), "%.1f ms", us / 1000);
    return text;
}

std::string rows_text(double rows)
{
    return std::to_string(static_cast<int64_t>(rows));
}

bool is_free_to_choose(const Compiled &compiled)
{
    return rules_of(compiled.definition.mode).may_choose_full && !compiled.is_full_only();
}

} // namespace

ModeChoice::ModeChoice(Compiled &compiled, int64_t generation) : compiled_(compiled), generation_(generation) {}

int64_t ModeChoice::max_rows_without_model() const
{
    auto is_compared = [](const CompiledSource &source) { return source.is_compared; };
    if (compiled_.experience->reading_us <= 0 || !is_free_to_choose(compiled_) ||
        std::any_of(compiled_.sources.begin(), compiled_.sources.end(), is_compared))
        return 0;
    return static_cast<int64_t>(large_part * compiled_.experience->base_rows);
}

bool ModeChoice::wants_full_unread(const Run::Logged &logged)
{
    double all = 0;
    for (const scheduler::ChangedRows &change : logged) {
        const double share = compiled_.experience->net_share(change.source);
        if (share <= 0 && change.rows > few_rows)
            return false;
        work_.changes.push_back({change.source, change.rows * (share > 0 ? share : 1)});
        all += change.rows;
    }
    work_.reading_us = all * compiled_.experience->reading_us;
    if (compiled_.experience->unread_in_a_row < most_unread)
        ask();
    is_unread_ = is_asked_ && wants_full();
    compiled_.experience->unread_in_a_row = is_unread_ ? compiled_.experience->unread_in_a_row + 1 : 0;
    return is_unread_;
}

void ModeChoice::consider(std::vector<scheduler::ChangedRows> changes)
{
    work_ = {0, std::move(changes)};
    is_asked_ = false;
    choice_ = {};
    if (is_free_to_choose(compiled_) &&
        (work_.changed_rows() > few_rows || compiled_.experience->last_delta_us > expensive_us ||
         changes_large_part(compiled_, work_.changes)))
        ask();
}

void ModeChoice::ask()
{
    work_.base_rows = compiled_.experience->base_rows = base_rows(compiled_);
    is_asked_ = work_.base_rows >= small_base;
    if (is_asked_)
        choice_ = scheduler::choose(catalog::read_measured(compiled_.relid(), generation_), work_,
                                    guc::differential_max_change_ratio);
}

void ModeChoice::note(scheduler::RefreshKind way, int64_t took_us, bool is_given_up)
{
    if (way == scheduler::RefreshKind::delta)
        compiled_.experience->last_delta_us = took_us;
    if (!is_free_to_choose(compiled_) || (!is_asked_ && took_us < expensive_us))
        return;
    if (work_.base_rows == 0)
        work_.base_rows = base_rows(compiled_);
    if (work_.base_rows < small_base)
        return;
    double wasted_us = is_given_up ? static_cast<double>(took_us) + choice_.full_us : static_cast<double>(took_us);
    measured_.push_back({way, work_, static_cast<double>(took_us), choice_.trial_us(way, wasted_us), is_given_up});
}

std::string ModeChoice::reason() const
{
    if (!is_asked_)
        return {};
    std::string changed = rows_text(work_.changed_rows()) +
                          (is_unread_ ? " changed rows, estimated, of " : " changed rows, of ") +
                          rows_text(work_.base_rows) + " in the sources";
    std::string expected = ms_text(choice_.delta_us) + " expected by deltas, " + ms_text(choice_.full_us) + " in full";
    if (!measured_.empty() && measured_.front().is_given_up)
        return "given up: a delta of " + changed + ", took more than " + ms_text(measured_.front().took_us) + "; " +
               expected;
    switch (choice_.why) {
    case scheduler::Why::setting:
        return wants_full() ? "setting: differential_max_change_ratio is 0"
                            : "setting: differential_max_change_ratio is 1";
    case scheduler::Why::share:
        return "share: " + changed + "; no delta was measured yet, so differential_max_change_ratio decides";
    case scheduler::Why::trial: return "trial: " + changed + "; " + expected;
    default: return "cost: " + changed + "; " + expected;
    }
}

std::vector<scheduler::Measured> measured_fill(const Compiled &compiled, int64_t took_us)
{
    if (!is_free_to_choose(compiled))
        return {};
    scheduler::Work work{base_rows(compiled), {}};
    if (work.base_rows < small_base)
        return {};
    return {{scheduler::RefreshKind::fill, work, static_cast<double>(took_us), 0, false}};
}

} // namespace pgtrickle::refresh
