/*
 * CREATE FOREIGN TABLE … SERVER pgtrickle, from the statement to a stream table that is filled,
 * in the statement's transaction. And what ALTER shares with it.
 */
#pragma once

#include "definition/definition.hpp"
#include "definition/options.hpp"
#include "definition/query/query.hpp"
#include "fdw/ddl/utility_call.hpp"
#include "translate/translate.hpp"

namespace pgtrickle {

/* Carries out a CreateForeignTableStmt on our server. C++ frame. */
void create_stream_table(const UtilityCall &call);

/* What a defining query reads, and how it can be kept. */
struct Maintenance {
    std::vector<translate::SourceRef> sources; /* by source number */
    bool is_incremental = false;
};

/* What comes of a mode that needs the capture of a source which the owner may not have captured. */
enum class DeniedCapture {
    is_refused,   /* the owner asks for that mode: 42501; AUTO says in a NOTICE that it falls back to full refreshes */
    is_noted,     /* every mode falls back to full refreshes, and says so */
    is_accepted,  /* it does, silently: of a restored definition, whose grants may be missing as yet */
};

/* Decides how `query`, which parse_query() made of `text` (null: none), is maintained in `mode`:
 * raises what makes it impossible, and tells in a NOTICE of a full refresh that AUTO falls back to.
 * C++ frame. */
Maintenance plan_maintenance(const Query *query, const std::string &text, RefreshMode mode, Oid owner, DeniedCapture denied);

/* Writes the internal view and the dependencies of `relid`, anew if there are some. C++ frame. */
void store_definition(Oid relid, Query *query, const Maintenance &maintenance);

/* From now on, changes of the sources are logged for `relid`. C++ frame. */
void capture_sources(Oid relid, const std::vector<translate::SourceRef> &sources);

/* Says in a NOTICE which index on a source would keep refreshes of `relid` from reading the whole of
 * it. C++ frame. */
void note_missing_indexes(Oid relid);

/* The options that record the settings that `query` depends on, as they are now. C++ frame. */
std::vector<options::Option> recorded_settings(const Query *query);

/* Parses a definition's query under its recorded settings if it is being restored, else under the
 * session's. Raises what no mode accepts. C++ frame. */
definition::ParsedQuery parse_defining_query(const Definition &definition, bool is_restored, Oid self);

} // namespace pgtrickle
