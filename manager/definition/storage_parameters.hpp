/*
 * The option storage_parameters: parameters of the heaps of a storage, as CREATE TABLE … WITH (…) has them.
 *
 *     fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01
 */
#pragma once

#include "pg/boundary.hpp"

#include <string>

namespace pgtrickle::definition {

/* Raises PostgreSQL's errors if the text has another form, names an unknown parameter or has a value out of bounds. C++
 * frame. */
void check_storage_parameters(const std::string &text);

/* Returns `defaults`, as in pg_class.reloptions, with the parameters of `text`. PostgreSQL frame. */
Datum with_storage_parameters(Datum defaults, const char *text);

} // namespace pgtrickle::definition
