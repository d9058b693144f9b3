/*
 * The properties of a storage that a dump, or pgt_upgrade, contains beside the definition of its stream table.
 */
#pragma once

#include "pg/boundary.hpp"

#include <string>

namespace pgtrickle {

/* C++ frames. */

/* Moves the heaps of the stream table, which are empty, to the tablespace of that name. Raises a WARNING if that fails,
 * as where it does not exist or the current user may not create relations in it. */
void restore_tablespace(Oid relid, const std::string &tablespace);

/* Creates the indexes in the text of what pgtrickle.pgt_dumped() returns, as restore_index() does, but for those
 * that the script of an extension has created. Raises an error if the text is of something else. */
void restore_indexes(Oid relid, const std::string &indexes);

} // namespace pgtrickle
