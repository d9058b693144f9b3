/*
 * The libraries of the functions that a defining query uses.
 *
 * Until a library is loaded, a setting of it that the session has set is a placeholder. PostgreSQL gives the setting
 * that value when it loads the library, whatever SharedSettings has put in its place. So that the code of a stream
 * table does not depend on it, the libraries are loaded before.
 *
 * Libraries that only a function's own text leads to are not found.
 */
#pragma once

#include "definition/definition.hpp"

namespace pgtrickle::refresh {

/* Loads the libraries, once for each stream table in a process. Must be called with the session's settings in force.
 * C++ frame. */
void load_libraries_of(const Definition &definition);

} // namespace pgtrickle::refresh
