/*
 * The refresh mode that a stream table is in fact kept by.
 */
#pragma once

#include "definition/definition.hpp"

#include <optional>
#include <string>

namespace pgtrickle {

struct ModeInForce {
    std::string mode;               /* of AUTO: DIFFERENTIAL or FULL, as at the last refresh that could go either way */
    std::optional<std::string> why; /* AUTO: why it is full; it may quote the query */
};
/* C++ frame. The caller holds a lock on the stream table. */
ModeInForce mode_in_force(const Definition &definition);

} // namespace pgtrickle
