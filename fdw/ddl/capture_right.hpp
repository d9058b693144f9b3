/*
 * Why a source may not be captured for a stream table, as messages say it. C++ frames.
 */
#pragma once

#include "translate/translate.hpp"

#include <optional>

namespace pgtrickle {

/* Of the first source that `role` may not have captured; its hint says how it can be allowed. */
std::optional<translate::Objection> capture_objection(const std::vector<translate::SourceRef> &sources, Oid role);

/* The same of one, which is captured for a stream table of `role`, or is not. */
std::optional<translate::Objection> capture_objection(Oid source, Oid role, bool is_captured);

/* Sets is_captured of each. */
void note_captured(std::vector<translate::SourceRef> &sources, Oid role);

/* Raises 42501. */
[[noreturn]] void raise_denied_capture(const translate::Objection &objection);

} // namespace pgtrickle
