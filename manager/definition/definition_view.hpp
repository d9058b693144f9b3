/*
 * The internal view of a stream table, pg_trickle_storage.def_<relid>: its rule keeps the
 * defining query as PostgreSQL keeps a view's, and carries its dependencies by column.
 *
 * The view belongs to the stream table's owner and depends on the foreign table INTERNALly.
 * The foreign table in turn depends NORMALly on each whole object that the query names:
 * so pg_dump puts it after them, and a DROP of one names the stream table. Nobody reads
 * through the view.
 *
 * All functions are PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle::definition {

/* Makes the view of `relid` for `query` (analysed, output columns as declared), in place of
 * one that is there, and the foreign table's dependencies. */
void store_query(Oid relid, Query *query);

/* Whether a relation of that name, in the schema of storage, would be taken for such a view. */
bool is_view_name(const char *name);

/* `query` printed with every name qualified, the same in every session. Leaves `query` as it
 * is. Takes AccessShare on its relations. */
char *canonical_text(Query *query);

/* Stream tables whose defining query uses the object, by its own text or by way of views
 * that it reads (List of OIDs, ascending). sub_id 0: any part of it. With `directly`,
 * only those whose own text names it. */
List *users_of(Oid class_id, Oid object_id, int sub_id, bool directly);

/* A definition that uses a function, an operator or a text search object, and a statement that changes what that computes, exclude
 * each other to the ends of their transactions: else neither would see the other's rows. store_query() locks what the query uses,
 * by its views too; this is the statement's lock, which several may hold. */
void lock_meaning(Oid class_id, Oid object_id);

/* Whether the query names, by its own text or by way of views, an object that lies in the schema. */
enum class SchemaUse { none, by_views, by_text };
SchemaUse use_of_schema(Oid relid, Oid schema);

/* The relations that `query` names, at any depth, views as such (List of OIDs). */
List *relations_named(Query *query);
/* The same of the query of a stream table, ascending, as the catalogs have it: no lock is taken. */
List *relations_depended_on(Oid relid);

} // namespace pgtrickle::definition
