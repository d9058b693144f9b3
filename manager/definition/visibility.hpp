/*
 * Who may see what of a stream table: its status and plan, whoever may read it; its queries and error
 * texts, which quote data, its owner and pg_monitor.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle {

/* PostgreSQL frames. */
bool may_see(Oid relid);
bool may_see_texts(Oid relid);
/* The stream table of that name; raises 42P01, or 42501 unless the user may see it. */
Oid visible_stream_table(const char *name);
/* The same, and 42501 unless the user may see its texts. */
Oid stream_table_with_texts(const char *name);
/* The same, and 42501 unless the user owns it. */
Oid owned_stream_table(const char *name);
/* What `find` finds by that name, locked. Whom the lock has to wait for may drop it, or make another one of that name:
 * then it is looked for again. */
Oid locked_stream_table(Oid (*find)(const char *name), const char *name, LOCKMODE mode);

} // namespace pgtrickle
