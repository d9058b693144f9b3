/*
 * The number of rows of a stream table's sources, as far as it is known without reading them.
 */
#pragma once

#include "refresh/program/compiled.hpp"

namespace pgtrickle::refresh {

/* Returns the number of rows by the cumulative statistics, or by the sizes of the sources. For use within a
 * refresh, which has locked them; does not wait for a partition that another transaction has locked. C++
 * frame. */
double base_rows(const Compiled &compiled);

/* Returns the number of rows that the last VACUUM or ANALYZE stored in pg_class; 0 if it is unknown. Opens no
 * relation. PostgreSQL frame. */
double known_rows(Oid relation);
/* Returns the sum of known_rows() over all sources. C++ frame. */
double known_base_rows(const Definition &definition);

} // namespace pgtrickle::refresh
