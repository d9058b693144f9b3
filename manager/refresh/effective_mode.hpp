/*
 * The refresh mode that a stream table is in fact kept in.
 */
#pragma once

#include "definition/definition.hpp"
#include "definition/state/state.hpp"

namespace pgtrickle::refresh {

/* FULL where there are no deltas: by its mode, because a source may not be captured, or because its query, which the mode allows,
 * has none. Of a mode that chooses at each refresh: how the last refresh that could go either way ran, or DIFFERENTIAL if there was
 * none; a first fill, which is always full, does not count. Else the mode of the definition. C++ frame. */
RefreshMode effective_mode(const Definition &definition, const state::StateRow &row);

} // namespace pgtrickle::refresh
