/*
 * Diamonds: a stream table that reads one source by two ways.
 *
 *          base
 *         /    \
 *        a      b        a and b are siblings: d joins what they say of the same base
 *         \    /
 *           d
 *
 * Where d asks for it (diamond_consistency 'atomic'), refreshing a by hand refreshes b too, so that
 * whoever reads a and b together never sees them at two states of the base. What a diamond is, the scheduler's graph
 * says; the manager, which has that graph, names all of them itself.
 * C++ frame; throws PgError.
 */
#pragma once

#include "pg/boundary.hpp"

#include <vector>

namespace pgtrickle::refresh {

/* `relids` and the siblings of each, each once. */
std::vector<Oid> with_siblings(const std::vector<Oid> &relids);

} // namespace pgtrickle::refresh
