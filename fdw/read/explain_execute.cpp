#include "fdw/read/explain_execute.hpp"

#include "definition/stream_table.hpp"
#include "fdw/read/explain_statement.hpp"
#include "pg/versions/explain.hpp"

extern "C" {
#include "commands/defrem.h"
#include "commands/prepare.h"
#include "executor/tuptable.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
}

namespace pgtrickle {

namespace {

/* Receives the output, one column of text, as lines. */
struct Collector {
    DestReceiver receiver;
    StringInfoData text;
};

bool collect(TupleTableSlot *slot, DestReceiver *self)
{
    auto *collector = reinterpret_cast<Collector *>(self);
    bool is_null;
    const Datum line = slot_getattr(slot, 1, &is_null);
    appendStringInfo(&collector->text, "%s\n", TextDatumGetCString(line));
    return true;
}

void collect_startup(DestReceiver *, int, TupleDesc) {}

void collect_end(DestReceiver *) {}

const ExecuteStmt *executed_by(const ExplainStmt *statement)
{
    auto *query = castNode(Query, statement->query);
    if (query->commandType != CMD_UTILITY || !IsA(query->utilityStmt, ExecuteStmt))
        return nullptr;
    return castNode(ExecuteStmt, query->utilityStmt);
}

/* Returns the stream tables that the query of a prepared statement names, itself or by views. */
List *stream_tables_read_by(const ExecuteStmt *statement)
{
    List *found = NIL;
    PreparedStatement *prepared = FetchPreparedStatement(statement->name, false);
    ListCell *cell;
    foreach (cell, prepared != nullptr ? prepared->plansource->relationOids : NIL)
        if (definition::is_stream_table(lfirst_oid(cell)))
            found = list_append_unique_oid(found, lfirst_oid(cell));
    return found;
}

ExplainFormat format_of(const char *name)
{
    return strcmp(name, "json") == 0   ? EXPLAIN_FORMAT_JSON
           : strcmp(name, "xml") == 0  ? EXPLAIN_FORMAT_XML
           : strcmp(name, "yaml") == 0 ? EXPLAIN_FORMAT_YAML
                                       : EXPLAIN_FORMAT_TEXT;
}

/* PostgreSQL has accepted the options. */
ExplainState *state_of(const ExplainStmt *statement)
{
    ExplainState *es = NewExplainState();
    bool is_timing_given = false;
    ListCell *cell;
    foreach (cell, statement->options) {
        auto *option = lfirst_node(DefElem, cell);
        if (strcmp(option->defname, "analyze") == 0)
            es->analyze = defGetBoolean(option);
        else if (strcmp(option->defname, "costs") == 0)
            es->costs = defGetBoolean(option);
        else if (strcmp(option->defname, "format") == 0)
            es->format = format_of(defGetString(option));
        else if (strcmp(option->defname, "timing") == 0) {
            is_timing_given = true;
            es->timing = defGetBoolean(option);
        }
    }
    es->timing = is_timing_given ? es->timing : es->analyze;
    return es;
}

/* Continues output that was ended, if it ends as the format does. */
bool reopen_output(ExplainState *es, const StringInfoData &output)
{
    const char *end = es->format == EXPLAIN_FORMAT_JSON   ? "\n]\n"
                      : es->format == EXPLAIN_FORMAT_XML  ? "</explain>\n"
                      : es->format == EXPLAIN_FORMAT_YAML ? "\n"
                                                          : "";
    const int length = output.len - static_cast<int>(strlen(end));
    if (length < 0 || strcmp(output.data + length, end) != 0)
        return false;
    appendBinaryStringInfo(es->str, output.data, length);
    es->indent = es->format == EXPLAIN_FORMAT_JSON || es->format == EXPLAIN_FORMAT_XML;
    es->grouping_stack = list_make1_int(1);
    return true;
}

void send(DestReceiver *receiver, ExplainStmt *statement, const char *text, ExplainFormat format)
{
    TupOutputState *output = begin_tup_output_tupdesc(receiver, ExplainResultDesc(statement), &TTSOpsVirtual);
    if (format == EXPLAIN_FORMAT_TEXT)
        do_text_output_multiline(output, text);
    else
        do_text_output_oneline(output, text);
    end_tup_output(output);
}

} // namespace

void explain_execute(const UtilityCall &call)
{
    auto *statement = castNode(ExplainStmt, call.statement());
    const ExecuteStmt *execute = executed_by(statement);
    if (execute == nullptr || stream_tables_read_by(execute) == NIL) {
        call.run();
        return;
    }
    Collector collector = {};
    collector.receiver.receiveSlot = collect;
    collector.receiver.rStartup = collect_startup;
    collector.receiver.rShutdown = collect_end;
    collector.receiver.rDestroy = collect_end;
    collector.receiver.mydest = DestNone;
    initStringInfo(&collector.text);
    UtilityCall collected = call;
    collected.receiver = &collector.receiver;
    begin_recording_wait();
    collected.run();
    const Wait wait = recorded_wait();
    ExplainState *es = state_of(statement);
    if (reopen_output(es, collector.text)) {
        explain_stream_tables(stream_tables_read_by(execute), wait, es);
        ExplainEndOutput(es);
    } else
        appendStringInfoString(es->str, collector.text.data);
    send(call.receiver, statement, es->str->data, es->format);
}

} // namespace pgtrickle
