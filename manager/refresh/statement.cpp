#include "refresh/statement.hpp"

extern "C" {
#include "utils/queryenvironment.h"
#include "utils/snapmgr.h"
}

namespace pgtrickle::refresh {

namespace {

/* Frozen into kept plans, and small on purpose: planned for few rows, a large delta loses
 * nothing; planned for many, a small one pays a scan of the base. */
constexpr double estimated_rows = 10;

/* Receives for another one until it is time to end. */
struct TimedReceiver {
    DestReceiver receiver; /* must be first */
    DestReceiver *other;
    TimestampTz end;
    uint32 rows;
    bool is_over;
};

constexpr uint32 rows_between_looks = 64;

TimedReceiver *timed(DestReceiver *receiver)
{
    return reinterpret_cast<TimedReceiver *>(receiver);
}

extern "C" bool receive_in_time(TupleTableSlot *slot, DestReceiver *receiver)
{
    TimedReceiver *self = timed(receiver);
    if (self->rows++ % rows_between_looks == 0 && GetCurrentTimestamp() >= self->end) {
        self->is_over = true;
        return false;
    }
    return self->other->receiveSlot(slot, self->other);
}

extern "C" void start_in_time(DestReceiver *receiver, int operation, TupleDesc type)
{
    timed(receiver)->other->rStartup(timed(receiver)->other, operation, type);
}

extern "C" void shut_down_in_time(DestReceiver *receiver)
{
    timed(receiver)->other->rShutdown(timed(receiver)->other);
}

extern "C" void destroy_in_time(DestReceiver *)
{
}

} // namespace

Connection::Connection()
{
    call([] { SPI_connect(); });
}

void Connection::finish()
{
    call([] { SPI_finish(); });
}

Tuplestorestate *begin_rows()
{
    return call([] { return tuplestore_begin_heap(false, false, work_mem); });
}

void end_rows(Tuplestorestate *rows)
{
    call([=] { tuplestore_end(rows); });
}

void register_rows(const std::string &name, Tuplestorestate *rows, TupleDesc descriptor)
{
    call([&] {
        auto *relation = static_cast<EphemeralNamedRelation>(palloc0(sizeof(EphemeralNamedRelationData)));
        relation->md.name = pstrdup(name.c_str());
        relation->md.tupdesc = descriptor;
        relation->md.enrtype = ENR_NAMED_TUPLESTORE;
        relation->md.enrtuples = estimated_rows;
        relation->reldata = rows;
        int result = SPI_register_relation(relation);
        if (result != SPI_OK_REL_REGISTER)
            elog(ERROR, "could not register \"%s\": %s", name.c_str(), SPI_result_code_string(result));
    });
}

void unregister_rows(const std::string &name)
{
    call([&] { SPI_unregister_relation(name.c_str()); });
}

void run(SPIPlanPtr plan, DestReceiver *receiver)
{
    call([=] {
        SPIExecuteOptions options = {};
        options.read_only = true;
        options.dest = receiver;
        int result = SPI_execute_plan_extended(plan, &options);
        if (result != SPI_OK_SELECT)
            elog(ERROR, "maintenance statement failed: %s", SPI_result_code_string(result));
    });
}

bool run_until(SPIPlanPtr plan, DestReceiver *receiver, TimestampTz end)
{
    if (end == 0) {
        run(plan, receiver);
        return true;
    }
    TimedReceiver self{{receive_in_time, start_in_time, shut_down_in_time, destroy_in_time, DestTuplestore}, receiver, end, 0, false};
    run(plan, &self.receiver);
    return !self.is_over;
}

int64_t number_of(SPIPlanPtr plan)
{
    return call([=] {
        bool is_null;
        int result = SPI_execute_plan(plan, nullptr, nullptr, true, 0);
        if (result != SPI_OK_SELECT || SPI_processed != 1)
            elog(ERROR, "maintenance statement failed: %s", SPI_result_code_string(result));
        int64 number = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
        SPI_freetuptable(SPI_tuptable);
        return number;
    });
}

void advance_command()
{
    call([] {
        CommandCounterIncrement();
        UpdateActiveSnapshotCommandId();
    });
}

} // namespace pgtrickle::refresh
