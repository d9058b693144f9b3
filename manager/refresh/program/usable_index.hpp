/*
 * Whether the look-ups of a program's statements have indexes.
 *
 * An index is usable if it is valid, not partial, and begins with one of the columns or expressions that are looked
 * up. C++ frames; throw PgError.
 */
#pragma once

#include "refresh/program/compiled.hpp"

namespace pgtrickle::refresh {

bool has_index_for(Oid relation, const std::vector<engine::IndexTerm> &terms, const Compiled &compiled);

/* As engine::RelationNames::has_order_for(); the index is a btree. */
bool has_order_for(Oid relation, const std::vector<engine::IndexTerm> &keys,
                   const std::optional<engine::OrderTerm> &first);

/* The relation that a look-up reads: a table, the storage of a stream table, or an arrangement. */
Oid heap_of(engine::DeltaInput relation, const Compiled &compiled);

/* Whether the statements of the step look up rows of a source that has no index for that. */
bool lacks_index(const Compiled &compiled, CompiledStep &step);

} // namespace pgtrickle::refresh
