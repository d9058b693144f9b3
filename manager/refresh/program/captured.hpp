/*
 * Which sources are captured for a stream table, and which its owner may have captured. The former follows
 * the latter at the next refresh.
 *
 * C++ frames.
 */
#pragma once

#include "refresh/program/compiled.hpp"
#include "translate/translate.hpp"

namespace pgtrickle::refresh {

/* Whether the owner of the stream table may have the source captured at present. */
bool may_capture(const Definition &definition, const Source &source);

bool is_captured_for(const Definition &definition, Oid source);

/* Whether the recorded sources, with their columns, are those that the query reads now: that depends on the policies in
 * force, and on the roles for which they are. */
bool has_recorded_sources(const Definition &definition, const std::vector<translate::SourceRef> &sources);

/* Whether row-level security is enabled for the relation. */
bool has_policies(Oid relid);

/* Whether the captured sources are those that may be captured. Stores in `compiled` the relations on which
 * the answer depends. */
bool captures_match_privileges(Compiled &compiled);

} // namespace pgtrickle::refresh
