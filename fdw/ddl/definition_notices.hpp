/*
 * NOTICEs about a definition that is accepted: what makes its refreshes slow, or its rows different from what the user may expect.
 *
 * C++ frames; they throw PgError.
 */
#pragma once

#include "translate/translate.hpp"

namespace pgtrickle {

/* The indexes on sources without which refreshes of `relid` read whole sources; none if it is kept by full refreshes. */
void note_missing_indexes(Oid relid);

/* Stream tables of other owners by way of which `relid` reads a source that it also reads otherwise: no atomic set has both. */
void note_other_owners(Oid relid);

/* For a stream table without a schedule: what changes its answer although no captured source changes, so that no refresh follows. */
void note_uncaptured_inputs(Oid relid, const Query *query, const std::vector<translate::SourceRef> &sources);

} // namespace pgtrickle
