/*
 * The properties of a storage that a dump, or pgt_upgrade, contains beside the definition of its stream table.
 */
#pragma once

#include "pg/boundary.hpp"

#include <string>

namespace pgtrickle {

/* C++ frames. */

/* `placer` is the role that must have the right to create relations in tablespaces: the current user for what a dump
 * says, which a user may have written, and a superuser for the extension's own record of what was there.
 *
 * Moves the heaps of the stream table, which are empty, to the tablespace of that name. Raises a WARNING if that fails,
 * as where it does not exist or `placer` may not create relations in it. */
void restore_tablespace(Oid relid, const std::string &tablespace, Oid placer);

/* Creates the indexes in the text of what pgtrickle.pgt_dumped() returns, as restore_index() does, but for those
 * that the script of an extension has created. Raises an error if the text is of something else. */
void restore_indexes(Oid relid, const std::string &indexes, Oid placer);

} // namespace pgtrickle
