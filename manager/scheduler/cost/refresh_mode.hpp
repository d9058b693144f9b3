/*
 * The refresh modes, and what each allows. Pure C++.
 *
 * Code asks for a rule by its name, not which mode it is. Where that is not enough, it has a switch over all modes without a
 * default, so that a new mode compiles only when it has an answer everywhere.
 */
#pragma once

namespace pgtrickle {

enum class RefreshMode { automatic, differential, full, immediate };

struct ModeRules {
    const char *name;     /* in capitals, as SQL functions show it */
    bool is_supported;    /* else no stream table can have it */
    bool may_use_deltas;  /* else its query is not translated, and each refresh computes all rows */
    bool may_fall_back;   /* kept by full refreshes if its query has no deltas or a source cannot be captured; else an error */
    bool may_choose_full; /* a refresh may compute all rows because that costs less */

    /* Full refreshes may be all that it has, so that a row-level security policy is no obstacle. */
    bool may_be_full_only() const { return may_fall_back || !may_use_deltas; }
};

const ModeRules &rules_of(RefreshMode mode);

/* All of them, for finding one by its name. */
constexpr RefreshMode refresh_modes[] = {RefreshMode::automatic, RefreshMode::differential, RefreshMode::full,
                                         RefreshMode::immediate};

} // namespace pgtrickle
