/*
 * The condition of engine::Program::needed_changes(), prepared for the reader of a log.
 *
 * It calls functions of PostgreSQL only, none of which can fail, so that a reader may evaluate it with any rights.
 */
#pragma once

#include "refresh/program/compiled.hpp"

namespace pgtrickle::refresh {

/* Prepares source.needed, which is not empty, for capture::read_changes(). Costs as much as reading a few hundred
 * changed rows. C++ frame; throws PgError, and marks the entry stale. */
void prepare_needed_rows(Compiled &compiled, CompiledSource &source);

} // namespace pgtrickle::refresh
