/*
 * The refresh modes, and what each allows. Pure C++.
 *
 * Other code asks for a rule by its name, not for the mode. Where that is not enough, it has a switch over
 * all modes without a default, so that a new mode compiles only when each switch handles it.
 */
#pragma once

namespace pgtrickle {

enum class RefreshMode { automatic, differential, full, immediate };

struct ModeRules {
    const char *name;     /* in capitals, as SQL functions show it */
    bool may_use_deltas;  /* false: the query is not translated, and each refresh computes all rows */
    bool may_fall_back;   /* maintained by full refreshes if the query has no deltas or a source cannot be
                           * captured; false: an error */
    bool may_choose_full; /* a refresh may compute all rows because that costs less */
    bool is_immediate;    /* a transaction that changes a source applies its changes when it commits */

    /* Whether all refreshes may be full, so that a row-level security policy is no obstacle. */
    bool may_be_full_only() const { return may_fall_back || !may_use_deltas; }
};

const ModeRules &rules_of(RefreshMode mode);

/* All modes, for finding one by its name. */
constexpr RefreshMode refresh_modes[] = {RefreshMode::automatic, RefreshMode::differential, RefreshMode::full,
                                         RefreshMode::immediate};

} // namespace pgtrickle
