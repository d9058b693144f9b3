/*
 * How many rows a stream table's sources have, as far as can be told without reading them.
 */
#pragma once

#include "refresh/program/compiled.hpp"

namespace pgtrickle::refresh {

/* As counted, or by their sizes. Within a refresh, which has locked them; a partition that somebody else has locked is
 * not waited for. C++ frame. */
double base_rows(const Compiled &compiled);

/* As the last VACUUM or ANALYZE left it in pg_class; 0: unknown. No relation is opened. PostgreSQL frame. */
double known_rows(Oid relation);
/* The same of all sources. C++ frame. */
double known_base_rows(const Definition &definition);

} // namespace pgtrickle::refresh
