/*
 * The indexes that a dump, or pgt_upgrade, contains of a stream table, as JSON.
 */
#pragma once

#include "pg/boundary.hpp"

#include <string>

namespace pgtrickle {

/* Creates the indexes in the text of what pgtrickle.pgt_dumped() returns, as restore_index() does. Raises an error if
 * the text is of something else. C++ frame. */
void restore_indexes(Oid relid, const std::string &indexes);

} // namespace pgtrickle
