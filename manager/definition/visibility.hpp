/*
 * Decides who may see which facts about a stream table. A role that may read the stream table sees its status
 * and plan; its owner and members of pg_monitor see its queries and error texts, which quote data.
 */
#pragma once

#include "pg/relation_name.hpp"

namespace pgtrickle {

/* All functions are PostgreSQL frames. */
bool may_see(Oid relid);
/* Returns the names of a relation, which need not be a stream table; nulls if it does not exist or may not be seen. */
RelationName name_if_visible(Oid relation);
/* Returns the stream table of that name. Raises 42P01 if there is none, and 42501 unless the user may see
 * it. */
Oid visible_stream_table(const char *name);
/* As visible_stream_table(), and raises 42501 unless the user may see its texts. */
Oid stream_table_with_texts(const char *name);
/* As visible_stream_table(), and raises 42501 unless the user owns it. */
Oid owned_stream_table(const char *name);
/* Returns the stream table that `find` finds by that name, locked. While the lock waits, another transaction
 * may drop the stream table, create another one of that name, or give it to another role, so it is found again
 * afterwards. */
Oid locked_stream_table(Oid (*find)(const char *name), const char *name, LOCKMODE mode);

} // namespace pgtrickle
