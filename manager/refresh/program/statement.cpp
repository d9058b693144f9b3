#include "refresh/program/statement.hpp"

#include "pg/versions/executor.hpp"
#include "refresh/program/plan_limits.hpp"
#include "refresh/program/row_sample.hpp"
#include "refresh/program/scope.hpp"
#include "refresh/request/audience.hpp"
#include "storage/statistics.hpp"

extern "C" {
#include "executor/executor.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
}

#include <algorithm>

namespace pgtrickle::refresh {

namespace {

/* Part of kept plans, and small on purpose: a plan for many rows would make a small delta scan the sources. */
constexpr double estimated_rows = 10;

/* Returns how many rows of a relation are taken for changed, where only a few are: of a small one a tenth at most. A
 * row of a table of a dozen shops meets a twelfth of all sales, and ten such rows would have the sales read as a whole.
 * The number of rows is that of the last ANALYZE or VACUUM, of a parent without its children. PostgreSQL frame. */
double few_rows_of(Oid relation)
{
    const double all = storage::analyzed_rows(relation);
    return all < 0 ? estimated_rows : std::clamp(all / 10, 1.0, estimated_rows);
}

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
    if (hides_statements() || *text == '\0')
        return;
    if (position > 0) {
        internalerrposition(position);
        internalerrquery(text);
    } else {
        errcontext("SQL statement \"%s\"", text);
    }
}

struct RowsInMemory {
    EphemeralNamedRelationData relation; /* must be first */
    double count;
    bool is_counted; /* the planner knows the count */
    Origin origin;
    ColumnSample *samples; /* indexed by column number minus one; negative until the column was sampled */
    int pointer;           /* to read them; -1: none yet */
};

/* Those of RelationsInMemory; all relations of in_memory are RowsInMemory. */
QueryEnvironment *in_memory = nullptr;
List *rows_in_memory = NIL;

RowsInMemory *rows_named(const char *name)
{
    return reinterpret_cast<RowsInMemory *>(get_ENR(in_memory, name));
}

} // namespace

RelationsInMemory::RelationsInMemory() : previous_(in_memory), previous_rows_(rows_in_memory)
{
    in_memory = call([] { return create_queryEnv(); });
    rows_in_memory = NIL;
}

RelationsInMemory::~RelationsInMemory()
{
    in_memory = previous_;
    rows_in_memory = previous_rows_;
}

Connection::Connection()
    : previous_(CurrentMemoryContext), context_(call([] {
          MemoryContext context =
              AllocSetContextCreate(CurTransactionContext, "pg_trickle refresh", ALLOCSET_DEFAULT_SIZES);
          MemoryContextSwitchTo(context);
          return context;
      }))
{
    relations_.emplace();
}

void Connection::finish()
{
    relations_.reset();
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
    return call([] { return tuplestore_begin_heap(false, false, maintenance_work_mem); });
}

void end_rows(Tuplestorestate *rows)
{
    call([=] { tuplestore_end(rows); });
}

bool is_worth_a_plan(int64_t rows)
{
    return rows > few_rows;
}

void register_rows(const std::string &name, Tuplestorestate *rows, TupleDesc descriptor, int64_t count,
                   const Origin &origin)
{
    call([&] {
        auto *added = static_cast<RowsInMemory *>(palloc0(sizeof(RowsInMemory)));
        added->relation.md.name = pstrdup(name.c_str());
        added->relation.md.tupdesc = descriptor;
        added->relation.md.enrtype = ENR_NAMED_TUPLESTORE;
        added->relation.md.enrtuples = estimated_rows;
        added->relation.reldata = rows;
        added->count = static_cast<double>(count);
        added->origin = origin;
        added->samples = static_cast<ColumnSample *>(palloc(sizeof(ColumnSample) * (descriptor->natts + 1)));
        for (int i = 0; i < descriptor->natts; i++)
            added->samples[i].distinct = -1;
        added->pointer = -1;
        register_ENR(in_memory, &added->relation);
        rows_in_memory = lappend(rows_in_memory, added);
    });
}

void unregister_rows(const std::string &name)
{
    call([&] {
        rows_in_memory = list_delete_ptr(rows_in_memory, rows_named(name.c_str()));
        unregister_ENR(in_memory, name.c_str());
    });
}

void estimate_rows(bool as_they_are)
{
    for (int i = 0; i < list_length(rows_in_memory); i++) {
        auto *rows = static_cast<RowsInMemory *>(list_nth(rows_in_memory, i));
        const Oid origin = rows->origin.relation;
        rows->is_counted = as_they_are;
        rows->relation.md.enrtuples = as_they_are ? rows->count : call([=] { return few_rows_of(origin); });
    }
}

const ColumnSample *sample_of_rows(const char *name, AttrNumber column)
{
    RowsInMemory *rows = in_memory != nullptr ? rows_named(name) : nullptr;
    if (rows == nullptr || !rows->is_counted)
        return nullptr;
    ColumnSample *sample = &rows->samples[column - 1];
    if (sample->distinct < 0) {
        auto *stored = static_cast<Tuplestorestate *>(rows->relation.reldata);
        if (rows->pointer < 0)
            rows->pointer = tuplestore_alloc_read_pointer(stored, EXEC_FLAG_REWIND);
        *sample = sample_column(stored, rows->pointer, rows->relation.md.tupdesc, column, rows->count);
    }
    return sample;
}

bool has_rows_in_memory()
{
    return in_memory != nullptr && rows_in_memory != NIL;
}

const Origin *origin_of_rows(const char *name)
{
    /* Other statements have rows in memory, too. */
    const RowsInMemory *rows = in_memory != nullptr ? rows_named(name) : nullptr;
    return rows != nullptr ? &rows->origin : nullptr;
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
