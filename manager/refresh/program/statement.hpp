/*
 * Running the statements of a program: the relations in memory that statements read beside tables, and the
 * execution of a kept plan into a receiver.
 *
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

#include <optional>
#include <string>

namespace pgtrickle::refresh {

/* The relations in memory that statements read, and by which the planner estimates them. There are none at first, and
 * those of before come back at the end. They are in the memory context in which they are registered. */
class RelationsInMemory {
  public:
    RelationsInMemory();
    ~RelationsInMemory();
    RelationsInMemory(const RelationsInMemory &) = delete;
    RelationsInMemory &operator=(const RelationsInMemory &) = delete;

  private:
    QueryEnvironment *previous_;
    List *previous_rows_;
};

/* The state that the statements of a run share: a memory context, which is current until finish(), and the
 * relations in memory. After an error both are freed with the transaction. There is one Connection at a
 * time. */
class Connection {
  public:
    Connection();
    Connection(const Connection &) = delete;
    Connection &operator=(const Connection &) = delete;
    void finish();

  private:
    MemoryContext previous_;
    MemoryContext context_; /* becomes current */
    std::optional<RelationsInMemory> relations_;
};

/* The present relations in memory; null if there can be none. */
QueryEnvironment *relations_in_memory();

/* Adds the text of the statement to errors until end(), as PostgreSQL does for statements of functions. For
 * use in a PostgreSQL frame; `callback` belongs to the caller and must live as long as this object. After an
 * error, end() need not be called. */
struct StatementText {
    StatementText(const char *text, ErrorContextCallback *callback);
    void end();
    const char *text;
    ErrorContextCallback *callback;
};

/* Returns an empty relation in memory, which is written to disk beyond maintenance_work_mem. Must be ended before the
 * transaction commits, or its temporary files are reported as a leak. */
Tuplestorestate *begin_rows();
void end_rows(Tuplestorestate *rows);

/* Whether a statement that reads so many changed rows is planned for their number (plan_limits.hpp). */
bool is_worth_a_plan(int64_t rows);

struct ColumnSample;

/* Where the values of a relation in memory come from: its first columns are those of `relation`, without or with its
 * children. */
struct Origin {
    Oid relation;
    const AttrNumber *columns; /* live as long as the relations in memory */
    int column_count;
    bool is_only;
};

/* Makes `rows` readable as `name`. */
void register_rows(const std::string &name, Tuplestorestate *rows, TupleDesc descriptor, int64_t count,
                   const Origin &origin);
void unregister_rows(const std::string &name);
/* Whether the planner estimates the relations in memory by the number of rows that they have, or takes them for a
 * few. */
void estimate_rows(bool as_they_are);
/* Whether there are any, as while maintenance statements are planned. */
bool has_rows_in_memory();
/* Returns the origin of a relation in memory; null if there is no relation of that name. PostgreSQL frame. */
const Origin *origin_of_rows(const char *name);
/* Returns a sample of a column of a relation in memory; null if the planner takes it for a few rows. PostgreSQL frame.
 */
const ColumnSample *sample_of_rows(const char *name, AttrNumber column);

/* Runs `plan`, which is locked and usable, under the active snapshot into `receiver`. */
void run(const KeptPlan &plan, DestReceiver *receiver);

/* run() with a time limit: returns false if the time `end` (0: none) came before the end of the statement,
 * and the remaining rows have not been received. */
bool run_until(const KeptPlan &plan, DestReceiver *receiver, TimestampTz end);

/* Returns the bigint that is the result of `plan`. */
int64_t number_of(const KeptPlan &plan);

/* Makes the rows that this command wrote visible to the active snapshot, which must be the caller's own
 * copy. */
void advance_command();

} // namespace pgtrickle::refresh
