/*
 * Which sources are captured for a stream table, and which its owner may have captured. Both follow each other: at the next refresh.
 * C++ frames.
 */
#pragma once

#include "refresh/program/compiled.hpp"

namespace pgtrickle::refresh {

/* Whether its owner may have the source captured, as things stand. */
bool may_capture(const Definition &definition, const Source &source);

bool is_captured_for(const Definition &definition, Oid source);

/* Whether what is captured for it is what may be; what that depends on is kept in `compiled`. */
bool is_captured_as_may_be(Compiled &compiled);

} // namespace pgtrickle::refresh
