/*
 * The steps of a stream table: the layout of its heaps, one step a heap. They follow from the definition, and
 * change with the policies and roles that decide whether the query has a program.
 *
 * C++ frames; they throw PgError. They take AccessShare on every relation of the query, and translate it,
 * which is not cheap.
 */
#pragma once

#include "definition/definition.hpp"
#include "engine/program.hpp"
#include "translate/translate.hpp"

#include <optional>

namespace pgtrickle::setup {

/* Returns the program of a query that is maintained by deltas; none if it can only be maintained by full
 * refreshes. Raises 0A000 if the mode is neither FULL nor AUTO and the query has no program. */
std::optional<translate::Translation> translation_of(const Definition &definition);

/* Returns the single step, with the layout for rows, of a query without a program: the declared columns of
 * the stream table. */
engine::Step step_of_rows(Oid relid);

struct Steps {
    std::vector<engine::Step> list; /* never empty; the last one is the storage, the others are arrangements */
    QueryParts parts;               /* the query's parts that the texts of the steps use */
};
Steps steps_of(const Definition &definition);

} // namespace pgtrickle::setup
