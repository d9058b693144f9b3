/*
 * Objects that a statement has created or altered, by OID, as PostgreSQL reports them to the object access
 * hook. The name in a statement is less reliable: how it is looked up depends on the statement, the search
 * path and other objects of that name.
 *
 * PostgreSQL frames, unless said otherwise.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "catalog/objectaccess.h"
}

namespace pgtrickle {

/* Marks the stream tables that use a function, a text search configuration or a dictionary, if it may compute
 * something else now. Must be called before the command counter is incremented: comparing the old row with
 * the new one shows whether the object was only renamed or given to another owner. */
void note_altered_object(ObjectAccessType access, Oid class_id, Oid object_id);

/* Changes of relations that are noted while a statement runs. */
enum class Noted {
    rule,   /* a rule of it was created or replaced */
    columns /* it has lost a column, by whichever statement: with a type or a function, say */
};

/* While an object exists, relations of its kind are collected. Only the innermost object collects. C++ frames. */
class NotedRelations {
  public:
    explicit NotedRelations(Noted kind);
    ~NotedRelations();
    NotedRelations(const NotedRelations &) = delete;
    NotedRelations &operator=(const NotedRelations &) = delete;

    void add(Oid relation); /* PostgreSQL frame */
    List *take();

  private:
    Noted kind_;
    NotedRelations *previous_;
    MemoryContext context_; /* the context of its creator */
    List *relations_ = NIL;
};

void note_relation(Noted kind, Oid relation);
/* Notes it for the statement that runs. Temporary types end without one, as with their session or transaction: the
 * stream tables that read the relation are marked for a new set-up then, which prints their queries again. */
void note_lost_column(Oid relation);
/* Returns the OIDs that the innermost object has collected, each once, and empties it. */
List *take_noted(Noted kind);

} // namespace pgtrickle
