/*
 * The heaps of a stream table's steps. They were made for the program that its query had then; whether it has another one by
 * now shows in their columns.
 *
 * C++ frames; they throw PgError.
 */
#pragma once

#include "refresh/program/compiled.hpp"

namespace pgtrickle::refresh {

/* Notes the heap of each step. False if they are those of another program, or of none. Raises 55000 if the storage is
 * missing. */
bool find_heaps(Compiled &compiled);

/* Raises 55000 unless they are those of its program. */
void require_own_heaps(const Compiled &compiled);

} // namespace pgtrickle::refresh
