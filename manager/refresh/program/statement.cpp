#include "refresh/program/statement.hpp"

#include "pg/versions/executor.hpp"
#include "refresh/request/audience.hpp"

extern "C" {
#include "executor/executor.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
}

namespace pgtrickle::refresh {

namespace {

/* Part of kept plans, and small on purpose: a plan for many rows would make a small delta scan the sources. */
constexpr double estimated_rows = 10;

/* Passes rows on to another receiver until the time limit is reached. */
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

extern "C" void destroy_in_time(DestReceiver *) {}

struct NumberReceiver {
    DestReceiver receiver; /* must be first */
    int64_t number;
    int64_t rows;
};

extern "C" bool receive_number(TupleTableSlot *slot, DestReceiver *receiver)
{
    auto *self = reinterpret_cast<NumberReceiver *>(receiver);
    bool is_null;
    self->number = DatumGetInt64(slot_getattr(slot, 1, &is_null));
    self->rows++;
    return true;
}

extern "C" void start_number(DestReceiver *, int, TupleDesc) {}

extern "C" void end_number(DestReceiver *) {}

/* Shows the statement as SPI does, if the session may see the stream table's texts. */
extern "C" void statement_error_context(void *argument)
{
    const char *text = static_cast<const char *>(argument);
    const int position = geterrposition();
    if (position > 0)
        errposition(0);
    if (hides_statements())
        return;
    if (position > 0) {
        internalerrposition(position);
        internalerrquery(text);
    } else {
        errcontext("SQL statement \"%s\"", text);
    }
}

/* Belongs to the current connection. */
QueryEnvironment *in_memory = nullptr;

} // namespace

Connection::Connection() : previous_(CurrentMemoryContext)
{
    context_ = call([] {
        MemoryContext context =
            AllocSetContextCreate(CurTransactionContext, "pg_trickle refresh", ALLOCSET_DEFAULT_SIZES);
        MemoryContextSwitchTo(context);
        in_memory = create_queryEnv();
        return context;
    });
    MemoryContextSwitchTo(context_);
}

void Connection::finish()
{
    in_memory = nullptr;
    MemoryContextSwitchTo(previous_);
    MemoryContextDelete(context_);
}

QueryEnvironment *relations_in_memory()
{
    return in_memory;
}

StatementText::StatementText(const char *its_text, ErrorContextCallback *its_callback)
    : text(its_text), callback(its_callback)
{
    callback->previous = error_context_stack;
    callback->callback = statement_error_context;
    callback->arg = const_cast<char *>(text);
    error_context_stack = callback;
}

void StatementText::end()
{
    error_context_stack = callback->previous;
}

Tuplestorestate *begin_rows()
{
    return call([] { return tuplestore_begin_heap(false, false, work_mem); });
}

void end_rows(Tuplestorestate *rows)
{
    call([=] { tuplestore_end(rows); });
}

bool is_worth_a_plan(int64_t rows)
{
    return rows > 5000;
}

void register_rows(const std::string &name, Tuplestorestate *rows, TupleDesc descriptor, int64_t count)
{
    call([&] {
        auto *relation = static_cast<EphemeralNamedRelation>(palloc0(sizeof(EphemeralNamedRelationData)));
        relation->md.name = pstrdup(name.c_str());
        relation->md.tupdesc = descriptor;
        relation->md.enrtype = ENR_NAMED_TUPLESTORE;
        relation->md.enrtuples = is_worth_a_plan(count) ? static_cast<double>(count) : estimated_rows;
        relation->reldata = rows;
        register_ENR(in_memory, relation);
    });
}

void unregister_rows(const std::string &name)
{
    call([&] { unregister_ENR(in_memory, name.c_str()); });
}

void run(const KeptPlan &plan, DestReceiver *receiver)
{
    call([&] {
        ErrorContextCallback callback;
        StatementText text{plan.text(), &callback};
        QueryDesc *query = CreateQueryDesc(plan.statement(), plan.text(), GetActiveSnapshot(), InvalidSnapshot,
                                           receiver, nullptr, in_memory, 0);
        ExecutorStart(query, EXEC_FLAG_SKIP_TRIGGERS);
        run_to_end(query);
        ExecutorFinish(query);
        ExecutorEnd(query);
        FreeQueryDesc(query);
        text.end();
    });
}

bool run_until(const KeptPlan &plan, DestReceiver *receiver, TimestampTz end)
{
    if (end == 0) {
        run(plan, receiver);
        return true;
    }
    TimedReceiver self{
        {receive_in_time, start_in_time, shut_down_in_time, destroy_in_time, DestTuplestore}, receiver, end, 0, false};
    run(plan, &self.receiver);
    return !self.is_over;
}

int64_t number_of(const KeptPlan &plan)
{
    NumberReceiver self{{receive_number, start_number, end_number, destroy_in_time, DestTuplestore}, 0, 0};
    run(plan, &self.receiver);
    if (self.rows != 1)
        raise({.message = "maintenance query did not return exactly one bigint"});
    return self.number;
}

void advance_command()
{
    call([] {
        CommandCounterIncrement();
        UpdateActiveSnapshotCommandId();
    });
}

} // namespace pgtrickle::refresh
