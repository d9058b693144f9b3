/*
 * From PostgreSQL's Query to the engine's plan.
 *
 * The input of every function is a parse-analysed Query that is not rewritten: fresh from
 * parse analysis (then objections carry a location), or that of the internal view's rule.
 * It is never modified. Views and non-recursive CTEs are expanded here, so sources are
 * tables and stream tables only.
 *
 * Locks: AccessShare on every relation of the query, views included, to the end of the
 * transaction. All functions are C++ frames; they throw PgError.
 */
#pragma once

#include "engine/program.hpp"
#include "pg/internal_query.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace pgtrickle::translate {

struct SourceRef {
    Oid relid;
    /* What the query reads, ascending, never empty: the columns of every engine scan of this
     * source, in this order. */
    std::vector<AttrNumber> columns;
    bool is_stream_table;
    /* Of an inheritance parent only its own rows: then `columns` has tableoid, by which the changes of
     * its children are left out. */
    bool is_only;
    /* A foreign table: nothing tells its changes, so it is compared with a copy at each refresh. */
    bool is_compared;
    /* It is below a security_barrier view, so the owner of the stream table must be one who may read it himself. */
    bool is_read_by_owner;
    /* Set by those who define stream tables: false where its owner may not have the source captured. */
    bool is_captured = true;
};

struct Translation {
    engine::PlanPtr plan;
    std::vector<SourceRef> sources; /* index: the engine's source number */
    QueryParts parts;               /* what the plan's expressions use */
};

/* Why a query cannot be kept incrementally; location is a byte in the query's text, -1 unknown. */
struct Objection : engine::Objection {
    int location = -1;
};

/* The plan of `query`, as the role `owner` would run it, or an objection (ours, or the engine's to
 * the finished plan). The plan's columns are the query's output columns, named as the targets are.
 * Functions of the query that are called for it are called as `owner`, in a security-restricted operation. */
std::variant<Translation, Objection> translate(const Query *query, Oid owner);

/* Raises 0A000 `unsupported operator for DIFFERENTIAL mode: <construct>` with why and what to do.
 * query_text, if not null, is what the location counts in; it becomes the cursor position. */
[[noreturn]] void raise_objection(const Objection &objection, const char *query_text);

/* What no refresh mode accepts (FOR UPDATE, TABLESAMPLE, LIMIT without ORDER BY, system catalogs,
 * temporary tables, other statements than SELECT, the stream table `self` as its own source). */
struct Rejection {
    int sqlstate;
    std::string message;
    std::string detail;
    std::string hint;
    int location = -1; /* as in Objection */
    Oid relid = InvalidOid; /* of the relation that is at fault, if one is */
};
std::optional<Rejection> find_rejection(const Query *query, Oid self = InvalidOid);
/* Raises it. query_text as in raise_objection. */
void check_rejected(const Query *query, const char *query_text, Oid self = InvalidOid);

/* Names of the settings that the value of an expression of `query` depends on (TimeZone, DateStyle …),
 * sorted, each once; most queries depend on none. */
std::vector<std::string> settings_of(const Query *query);

/* The query's answer may change although no source does: it calls a volatile function (the name of
 * the first one found, for the NOTICE), or one of now()'s kin, or a STABLE function we know nothing of.
 * In FULL mode such a query is refreshed at each due time; in every mode, one that reads a foreign table. */
struct Restlessness {
    bool is_volatile = false;
    bool is_now_dependent = false; /* or depends on anything else outside sources and settings */
    std::string function;          /* printed; empty if neither */
};
Restlessness restlessness_of(const Query *query);

} // namespace pgtrickle::translate
