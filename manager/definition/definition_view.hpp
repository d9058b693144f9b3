/*
 * The internal view of a stream table, pg_trickle_storage.def_<relid>: its rule stores the defining query as
 * PostgreSQL stores a view's, and carries its dependencies by column.
 *
 * The view belongs to the owner of the stream table and depends on the foreign table INTERNALly. The foreign
 * table in turn depends NORMALly on each whole object that the query names; so pg_dump dumps the stream table
 * after these objects, and an error of DROP names the stream table. No query reads the view.
 *
 * All functions are PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle::definition {

/* Creates the internal view of `relid` for `query` (analysed, output columns as declared), and records the
 * dependencies of the foreign table. Replaces existing ones. */
void store_query(Oid relid, Query *query);

/* Returns the text of `query` with every name qualified, which is the same in every session. Does not change
 * `query`. Takes AccessShare on its relations. */
char *canonical_text(Query *query);

/* Returns the descriptions of what would keep the column from being dropped: views, stream tables, functions with a
 * parsed body. PostgreSQL frame. */
List *readers_of_column(Oid relid, AttrNumber column);

/* Returns the names of the extended statistics that go with the column. PostgreSQL frame. */
List *statistics_on_column(Oid relid, AttrNumber column);

/* Returns the stream tables whose defining query uses the object, by its own text or through views and policies of
 * what it reads (List of OIDs, ascending). sub_id 0 means any part of the object. With `directly`, only stream tables
 * whose own text names it. */
List *users_of(Oid class_id, Oid object_id, int sub_id, bool directly);
/* As users_of(), of those whose internal views are among `views`, or that read these. */
List *users_of_views(List *views, bool directly);

/* Locks the object for a statement that changes what a function, an operator or a text search object
 * computes. The lock excludes definitions that use the object until the end of the transaction, because
 * otherwise neither transaction would see the rows of the other. store_query() takes the conflicting lock on
 * everything that the query uses, also through views. Several such statements can hold this lock. */
void lock_for_redefinition(Oid class_id, Oid object_id);
/* Likewise for a statement that changes a name in the text of definitions: of an object that is no relation, or of a
 * schema. Only one such statement can hold this lock. */
void lock_for_renaming(Oid class_id, Oid object_id);

/* How a query refers to objects of a schema: by its own text, or through views. */
enum class SchemaUse { none, by_views, by_text };
SchemaUse use_of_schema(Oid relid, Oid schema);

/* Returns the relations that `query` names, at any depth; views are not expanded (List of OIDs). */
List *relations_named(Query *query);
/* Returns the relations on which the foreign table depends, which are the ones that its query names (List of
 * OIDs, ascending). Reads only the catalogs, and takes no lock. */
List *relations_depended_on(Oid relid);

} // namespace pgtrickle::definition
