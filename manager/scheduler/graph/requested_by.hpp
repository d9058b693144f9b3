/*
 * On whose behalf a refresh runs: the manager's schedule, a session that reads, or the owner (by hand). Pure
 * C++.
 */
#pragma once

#include <cstdint>

namespace pgtrickle::scheduler {

enum class RequestedBy : uint8_t { scheduler, reader, owner };

} // namespace pgtrickle::scheduler
