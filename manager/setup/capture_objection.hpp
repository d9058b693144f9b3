/*
 * Why a source may not be captured for a stream table (capture/permission.hpp), as an objection that messages
 * quote.
 *
 * C++ frames; they throw PgError. They take no lock.
 */
#pragma once

#include "translate/translate.hpp"

#include <optional>

namespace pgtrickle::setup {

/* Returns the objection to the first of `sources` that `role` may not have captured, if there is one; its
 * hint says how to permit the capture. */
std::optional<translate::Objection> capture_objection(const std::vector<translate::SourceRef> &sources, Oid role);

/* Returns the objection to one source. `is_captured`: the source is captured for a stream table of `role` at
 * present. */
std::optional<translate::Objection> capture_objection(Oid source, Oid role, bool is_captured);

/* Sets is_captured of each source to whether `role` may have it captured. */
void set_captured(std::vector<translate::SourceRef> &sources, Oid role);

/* Raises the objection as an error, 42501. */
[[noreturn]] void raise_denied_capture(const translate::Objection &objection);

} // namespace pgtrickle::setup
