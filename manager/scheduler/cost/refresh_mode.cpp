#include "scheduler/cost/refresh_mode.hpp"

#include <cstdlib>

namespace pgtrickle {

const ModeRules &rules_of(RefreshMode mode)
{
    static constexpr ModeRules automatic = {
        .name = "AUTO", .is_supported = true, .may_use_deltas = true, .may_fall_back = true, .may_choose_full = true};
    static constexpr ModeRules differential = {.name = "DIFFERENTIAL",
                                               .is_supported = true,
                                               .may_use_deltas = true,
                                               .may_fall_back = false,
                                               .may_choose_full = false};
    static constexpr ModeRules full = {.name = "FULL",
                                       .is_supported = true,
                                       .may_use_deltas = false,
                                       .may_fall_back = false,
                                       .may_choose_full = false};
    static constexpr ModeRules immediate = {.name = "IMMEDIATE",
                                            .is_supported = false,
                                            .may_use_deltas = true,
                                            .may_fall_back = false,
                                            .may_choose_full = false};
    switch (mode) {
    case RefreshMode::automatic: return automatic;
    case RefreshMode::differential: return differential;
    case RefreshMode::full: return full;
    case RefreshMode::immediate: return immediate;
    }
    std::abort();
}

} // namespace pgtrickle
