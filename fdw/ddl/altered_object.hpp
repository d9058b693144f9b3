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

/* Collects the relations of which a rule is created or replaced while the object exists. Only the innermost
 * object collects. C++ frames. */
class ReplacedRules {
  public:
    ReplacedRules();
    ~ReplacedRules();
    ReplacedRules(const ReplacedRules &) = delete;
    ReplacedRules &operator=(const ReplacedRules &) = delete;

    List *relations() const { return relations_; } /* OIDs, each once */

    void add(Oid relation); /* PostgreSQL frame */

  private:
    ReplacedRules *previous_;
    MemoryContext context_; /* the context of its creator */
    List *relations_ = NIL;
};

} // namespace pgtrickle
