/*
 * Running the statements of a program: an SPI connection, the relations in memory that
 * statements read beside tables, and a kept plan run into a receiver.
 * C++ frames; they throw PgError.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "executor/spi.h"
#include "tcop/dest.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
}

#include <string>

namespace pgtrickle::refresh {

/* An SPI connection: what is allocated and registered within it goes with finish(). After
 * an error, transaction abort finishes it instead. */
class Connection {
  public:
    Connection();
    void finish();
};

/* An empty relation in memory; spills beyond work_mem. Must be ended before the transaction commits, or what it has
 * on disk is reported as a leak. */
Tuplestorestate *begin_rows();
void end_rows(Tuplestorestate *rows);

/* Lets the statements of this SPI connection read `rows` as `name`. */
void register_rows(const std::string &name, Tuplestorestate *rows, TupleDesc descriptor);
void unregister_rows(const std::string &name);

/* Runs `plan` under the active snapshot into `receiver`. */
void run(SPIPlanPtr plan, DestReceiver *receiver);

/* The same; false: it was `end`, not 0, before the statement was, and the rest of its rows have not been received. */
bool run_until(SPIPlanPtr plan, DestReceiver *receiver, TimestampTz end);

/* The bigint that `plan` answers with. */
int64_t number_of(SPIPlanPtr plan);

/* Makes what this command wrote visible to the active snapshot, which must be the
 * caller's own copy. */
void advance_command();

} // namespace pgtrickle::refresh
