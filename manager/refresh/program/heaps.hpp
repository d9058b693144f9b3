/*
 * The heaps of a stream table's steps. They were created for the program that the query had at that time;
 * their columns show whether it has another program by now.
 *
 * C++ frames; they throw PgError.
 */
#pragma once

#include "refresh/program/compiled.hpp"

namespace pgtrickle::refresh {

/* Stores the heap of each step in `compiled`. Returns false if the heaps are those of another program, or are
 * missing. Raises 55000 if the storage is missing. */
bool find_heaps(Compiled &compiled);

/* Returns a copy of the first columns of a row, followed by the weight of a delta if `with_weight`. */
TupleDesc leading_columns(TupleDesc all, int count, bool with_weight);

/* Sets the members of a step that describe its heap, which find_heaps() has found, in the memory context
 * `compiled_in`, and adds the heap and its indexes to `relations`. */
void describe_heap(CompiledStep &compiled, MemoryContext compiled_in, std::vector<Oid> &relations);

/* Raises 55000 unless the heaps are those of the program. */
void require_own_heaps(const Compiled &compiled);

} // namespace pgtrickle::refresh
