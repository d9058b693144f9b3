/*
 * NOTICEs about a definition that is accepted: reasons why its refreshes may be slow, or its rows different
 * from what the user may expect.
 *
 * C++ frames; they throw PgError.
 */
#pragma once

#include "translate/translate.hpp"

namespace pgtrickle {

/* Reports missing indexes on sources, without which refreshes of `relid` read whole sources; none if it is
 * maintained by full refreshes. */
void note_missing_indexes(Oid relid);

/* Reports stream tables of other owners through which `relid` reads a source that it also reads on another
 * path: they are not in one atomic set. */
void note_other_owners(Oid relid);

/* Reports, for a stream table without a schedule, an input that changes its answer without a captured change
 * of a source, so that no refresh follows. */
void note_uncaptured_inputs(Oid relid, const Query *query, const std::vector<translate::SourceRef> &sources);

} // namespace pgtrickle
