/*
 * Running the statements of a program: the relations in memory that statements read beside tables, and a kept plan
 * run into a receiver.
 * C++ frames; they throw PgError.
 */
#pragma once

#include "refresh/program/kept_plan.hpp"

extern "C" {
#include "tcop/dest.h"
#include "utils/queryenvironment.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
}

#include <string>

namespace pgtrickle::refresh {

/* What the statements of a run share: a memory context, current until finish(), and the relations in memory. After an
 * error both go with the transaction. There is one at a time. */
class Connection {
  public:
    Connection();
    void finish();

  private:
    MemoryContext context_;
    MemoryContext previous_;
};

/* Of the current connection. */
QueryEnvironment *relations_in_memory();

/* Tells in errors, until end(), which statement they are of, as PostgreSQL does for those of functions. In a PostgreSQL frame;
 * `callback` is the caller's and lives as long. An error needs no end(). */
struct StatementText {
    StatementText(const char *text, ErrorContextCallback *callback);
    void end();
    const char *text;
    ErrorContextCallback *callback;
};

/* An empty relation in memory; spills beyond work_mem. Must be ended before the transaction commits, or what it has
 * on disk is reported as a leak. */
Tuplestorestate *begin_rows();
void end_rows(Tuplestorestate *rows);

/* Lets the statements of this connection read `rows` as `name`. */
void register_rows(const std::string &name, Tuplestorestate *rows, TupleDesc descriptor);
void unregister_rows(const std::string &name);

/* Runs `plan`, which is locked and usable, under the active snapshot into `receiver`. */
void run(const KeptPlan &plan, DestReceiver *receiver);

/* The same; false: it was `end`, not 0, before the statement was, and the rest of its rows have not been received. */
bool run_until(const KeptPlan &plan, DestReceiver *receiver, TimestampTz end);

/* The bigint that `plan` answers with. */
int64_t number_of(const KeptPlan &plan);

/* Makes what this command wrote visible to the active snapshot, which must be the
 * caller's own copy. */
void advance_command();

} // namespace pgtrickle::refresh
