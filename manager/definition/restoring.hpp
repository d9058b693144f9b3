/*
 * Definitions that a session restores from a dump.
 *
 * A dump creates an object as the role that restores it, usually a superuser, and the next statement gives it
 * to its owner; the privileges on what it reads come at the end of the dump. A first fill in between would
 * run the owner's functions with the rights of the wrong role, or fail. So the session that restores a
 * definition holds a session lock on the stream table, and the manager does not fill the stream table while
 * another process holds this lock. A session that restores many stream tables holds a lock on some of them, and
 * one on all stream tables of the database. The locks outlive errors. They end with the session, by DISCARD ALL, or
 * when the session itself reads or refreshes a stream table.
 *
 * Materialized views come last in a dump, after all data and privileges. Where several sessions restore, the
 * one that fills a materialized view needs the stream tables that others still hold, and permits their fills.
 * It cannot permit a fill in a session that restores the definition, which would run as the wrong role.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::definition {

/* While a definition is restored, its owner may not be the final one yet. Data comes after owners. */
enum class Restored { definition, data };
void begin_restoring(Oid relid, Restored what);

/* Ends the restoring of all definitions that this session restores. Costs one comparison if there are
 * none. */
void end_restoring();

/* Lets the manager fill the stream tables whose data other sessions restore, until the end of the transaction. */
void permit_fills();

/* Returns true if another session restores the stream table, and neither this one nor another permits fills. */
bool is_restored_elsewhere(Oid relid);

} // namespace pgtrickle::definition
