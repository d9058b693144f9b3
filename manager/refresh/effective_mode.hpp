/*
 * The refresh mode by which a stream table is actually maintained.
 */
#pragma once

#include "definition/definition.hpp"
#include "definition/state/state.hpp"

namespace pgtrickle::refresh {

/* Returns FULL if there are no deltas: because of the mode, because a source may not be captured, or because
 * the query has none although the mode allows it. For a mode that chooses at each refresh, returns the kind
 * of the last refresh that had a choice, or DIFFERENTIAL if there was none; a first fill, which is always
 * full, does not count. Otherwise returns the mode of the definition, also before the first fill in a session of
 * another role than the owner (is_trusted_here()). C++ frame. */
RefreshMode effective_mode(const Definition &definition, const state::StateRow &row);

} // namespace pgtrickle::refresh
