#include "scheduler/cost/refresh_mode.hpp"

#include <cstdlib>

namespace pgtrickle {

const ModeRules &rules_of(RefreshMode mode)
{
    static constexpr ModeRules automatic = {
        .name = "AUTO", .may_use_deltas = true, .may_fall_back = true, .may_choose_full = true, .is_immediate = false};
    static constexpr ModeRules differential = {.name = "DIFFERENTIAL",
                                               .may_use_deltas = true,
                                               .may_fall_back = false,
                                               .may_choose_full = false,
                                               .is_immediate = false};
    static constexpr ModeRules full = {.name = "FULL",
                                       .may_use_deltas = false,
                                       .may_fall_back = false,
                                       .may_choose_full = false,
                                       .is_immediate = false};
    static constexpr ModeRules immediate = {.name = "IMMEDIATE",
                                            .may_use_deltas = true,
                                            .may_fall_back = false,
                                            .may_choose_full = false,
                                            .is_immediate = true};
    switch (mode) {
    case RefreshMode::automatic: return automatic;
    case RefreshMode::differential: return differential;
    case RefreshMode::full: return full;
    case RefreshMode::immediate: return immediate;
    }
    std::abort();
}

} // namespace pgtrickle
