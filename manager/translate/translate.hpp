/*
 * From PostgreSQL's Query to the engine's program.
 *
 * The input of every function is a parse-analysed Query that is not rewritten: fresh from parse analysis
 * (objections then have a location), or that of the internal view's rule. It is never modified. Views and
 * non-recursive CTEs are expanded here, so sources are tables and stream tables only.
 *
 * Locks: AccessShare on every relation of the query, including views, to the end of the transaction. All
 * functions are C++ frames; they throw PgError.
 */
#pragma once

#include "engine/program.hpp"
#include "pg/internal_query.hpp"
#include "translate/check/objection.hpp"
#include "translate/level/source.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace pgtrickle::translate {

struct Translation {
    engine::Program program;
    std::vector<SourceRef> sources; /* indexed by the engine's source number */
    QueryParts parts;               /* parts of the query that the program's expressions use */
};

/* Returns the program of `query`, as the role `owner` would run it, or an objection of the translation or of the
 * engine. The output columns of its last step are those of the query, named like the targets.
 * Functions of the query that translation calls are called as `owner`, in a security-restricted operation. */
std::variant<Translation, Objection> translate(const Query *query, Oid owner);

} // namespace pgtrickle::translate
