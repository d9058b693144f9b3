/*
 * The option partition_by of a stream table has names of its columns and, for a list, labels of an enumeration: both
 * follow a rename.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle {

/* PostgreSQL frame. */
void rename_column_in_partition_by(Oid relid, const char *old_name, const char *new_name);

/* Follows a renamed label of the type. The option of another role's stream table follows at its next set-up if it is
 * locked. C++ frame. */
void follow_labels_in_partition_by(Oid type);

} // namespace pgtrickle
