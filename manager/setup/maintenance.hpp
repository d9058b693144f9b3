/*
 * How a defining query is maintained: by a program of deltas or by full refreshes, and from which sources.
 */
#pragma once

#include "definition/stream_table.hpp"
#include "scheduler/cost/refresh_mode.hpp"
#include "translate/translate.hpp"

namespace pgtrickle::setup {

/* How to proceed if a source that deltas need may not be captured for the owner. */
enum class DeniedCapture {
    is_refused,  /* the owner asks for that mode: 42501; AUTO says in a NOTICE that it falls back to full refreshes */
    is_noted,    /* every mode falls back to full refreshes, and says so */
    is_accepted, /* every mode falls back silently: the grants of a restored definition may be missing as yet */
};

/* Returns the sources of `query` in `mode`, by source number, each with whether it is captured for `owner`.
 * `text` is the text from which parse_query() made the query, empty if unknown; positions of errors count in
 * it. Raises 0A000 if the mode cannot maintain the query or no mode can capture a source, and 42501 as
 * `denied` says; a NOTICE names the reason for which AUTO falls back to full refreshes. Takes AccessShare on
 * every relation of the query. C++ frame. */
std::vector<translate::SourceRef> plan_maintenance(const std::string &name, const Query *query, const std::string &text,
                                                   RefreshMode mode, Oid owner, DeniedCapture denied);

} // namespace pgtrickle::setup
