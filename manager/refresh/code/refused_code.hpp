/*
 * Code that is refused at the moment when PostgreSQL would run it, in sessions that run known code only.
 *
 * What a query may run is looked at before it is planned (interpreted_code.hpp). Who owns a table that it reads can add
 * an index or statistics in between, and the planner evaluates what these call as soon as it opens the table, reads the
 * texts of functions in SQL, whose constants may be of domains, and estimates predicates by calling their operators.
 * The lock of a reader does not conflict with such statements.
 *
 * Invariant: at a commit, and while a stream table's query is compiled or run by a session that may not run all code of
 * its owner, no interpreted function of a user is called, whatever calls it, and an expression calls no function but
 * those that known code may call (known_code.hpp). PostgreSQL frames unless said otherwise.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "catalog/objectaccess.h"
#include "fmgr.h"
#include "nodes/pathnodes.h"
}

namespace pgtrickle::refresh {

/* While an object exists, the session compiles or runs the query of the stream table. Unknown functions are refused
 * unless the session may run any code of it (compile_right.hpp). One within another, as for a stream table that the
 * query of another reads, counts alone. Local variables and members only. C++ frames. */
class CodeOf {
  public:
    explicit CodeOf(Oid relid);
    ~CodeOf() { is_refused_ = outer_; }
    CodeOf(const CodeOf &) = delete;
    CodeOf &operator=(const CodeOf &) = delete;

    static bool is_refused() { return is_refused_; }

  private:
    static inline bool is_refused_ = false;
    const bool outer_;
};

/* Entry of fdw/module.cpp: object access. PostgreSQL announces each function that an expression calls. */
void refuse_unknown_function(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *argument);

/* Entry of fdw/module.cpp: function call. PostgreSQL asks whether a function passes a hook when it looks up how to call
 * it, and when it would inline it; unless the function is built in, or changes settings or the role. */
bool refuse_interpreted_function(Oid function);

/* Entry of fdw/module.cpp: switched call. PostgreSQL calls it before and after a function that changes settings (SET)
 * or the role (SECURITY DEFINER), and about which it does not ask refuse_interpreted_function(). */
void refuse_interpreted_switch(FmgrHookEventType event, FmgrInfo *called, Datum *argument);

/* Entry of fdw/module.cpp: relation info. The planner has collected the indexes and statistics of a table, whose
 * expressions it estimates next. PostgreSQL keeps how to call the functions of a type, as the difference of a range's
 * bounds, and then announces them no more. A foreign table may have become a child of a source meanwhile. */
void refuse_unknown_parts(PlannerInfo *root, Oid relation, bool is_parent, RelOptInfo *rel);

} // namespace pgtrickle::refresh
