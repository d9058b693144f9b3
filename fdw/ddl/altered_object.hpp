/*
 * What a statement has really created or altered, as core reports it (object_access_hook), by OID. A name in a statement says less:
 * where it is looked up depends on the statement, the path and what else has the name.
 *
 * PostgreSQL frames, where nothing else is said.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "catalog/objectaccess.h"
}

namespace pgtrickle {

/* Marks the stream tables that use a function, a text search configuration or a dictionary, if it may mean something else now. To
 * be called before the command counter moves on: what is only renamed or given away is known by its old and its new row. */
void note_altered_object(ObjectAccessType access, Oid class_id, Oid object_id);

/* Relations of which a rule is made or replaced while it lives; the innermost one has them. C++ frames. */
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
    MemoryContext context_; /* that of its maker */
    List *relations_ = NIL;
};

} // namespace pgtrickle
