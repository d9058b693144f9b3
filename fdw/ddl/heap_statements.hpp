/*
 * Statements that PostgreSQL has for tables with rows, on a stream table: they are executed on its heaps, which no role
 * can name.
 *
 *   VACUUM            of the storage, its partitions and the arrangements; with ANALYZE also of the stream table
 *   REINDEX TABLE     likewise; CONCURRENTLY is refused, REINDEX INDEX CONCURRENTLY is not
 *   CLUSTER           is refused
 *   ALTER … SET TABLESPACE  moves all heaps; later ones lie where these lie
 */
#pragma once

#include "fdw/ddl/user_statement.hpp"

namespace pgtrickle {

/* Entries of fdw/module.cpp. PostgreSQL frames. */
void vacuum_heaps(const UtilityCall &call);
void reindex_heaps(const UtilityCall &call);
void refuse_cluster(const UtilityCall &call);

/* Executes an AlterTableStmt whose only command is SET TABLESPACE. C++ frame. */
void move_heaps(const UserStatement &call, Oid relid);
/* Does the same for the owner of the stream table, without an event. Raises an error if the current user may not create
 * relations in the tablespace. PostgreSQL frame. */
void move_heaps_to(Oid relid, const char *tablespace);

} // namespace pgtrickle
