/*
 * explain_st: how a stream table is maintained, as compiled in this session. The statements quote constants
 * of the query, so only the owner and pg_monitor may see them.
 */
#include "definition/guc.hpp"
#include "definition/options.hpp"
#include "definition/state/frontier.hpp"
#include "definition/state/state.hpp"
#include "definition/visibility.hpp"
#include "fdw/monitor/age.hpp"
#include "fdw/monitor/sql_wrapping.hpp"
#include "fdw/sql/arguments.hpp"
#include "fdw/sql/result_rows.hpp"
#include "pg/attempt.hpp"
#include "refresh/code/interpreted_code.hpp"
#include "refresh/program/missing_index.hpp"
#include "refresh/program/relation_names.hpp"
#include "storage/partitions.hpp"

extern "C" {
#include "access/table.h"
#include "access/tableam.h"
#include "executor/tuptable.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
}

namespace pgtrickle {

namespace {

void add(Rows &rows, const std::string &property, const std::string &value)
{
    rows.text(property).text(value).add();
}

std::string size_of(Oid relation)
{
    return call([=] {
        int64 size = 0;
        ListCell *cell;
        foreach (cell, storage::row_heaps(relation))
            size += DatumGetInt64(DirectFunctionCall1(pg_total_relation_size, ObjectIdGetDatum(lfirst_oid(cell))));
        return TextDatumGetCString(DirectFunctionCall1(pg_size_pretty, Int64GetDatum(size)));
    });
}

std::string join(const std::vector<std::string> &words)
{
    std::string list;
    for (const std::string &word : words)
        list += (list.empty() ? "" : ", ") + word;
    return list;
}

void explain_definition(Rows &rows, const Definition &definition)
{
    add(rows, "defining query", definition.query);
    add(rows, "schedule", definition.schedule_text);
    add(rows, "refresh mode", options::name_of(definition.mode));
    for (const Setting &setting : definition.settings)
        add(rows, "recorded setting", setting.name + " = " + setting.value);
}

void explain_state(Rows &rows, Oid relid)
{
    state::StateRow row;
    if (!state::read(relid, &row))
        return;
    add(rows, "status", state::name_of(row.status));
    if (row.needs_reinit)
        add(rows, "to be reinitialized", row.reinit_reason);
    if (!row.frontier.empty())
        add(rows, "frontier", row.frontier);
    if (std::optional<int64_t> staleness_us = age_of(relid, row).staleness_us)
        add(rows, "staleness", std::to_string(*staleness_us / 1000) + " ms");
}

void explain_sources(Rows &rows, const refresh::Compiled &compiled)
{
    for (const refresh::CompiledSource &source : compiled.sources) {
        std::vector<std::string> columns;
        for (AttrNumber column : source.columns)
            columns.push_back(call([&] { return get_attname(source.relid, column, false); }));
        add(rows, source.is_stream_table ? "source stream table" : "source",
            refresh::qualified_name(source.relid) + " (" + join(columns) + ")");
    }
}

std::vector<std::string> source_names(const refresh::Compiled &compiled)
{
    std::vector<std::string> names;
    for (const refresh::CompiledSource &source : compiled.sources)
        names.push_back(refresh::qualified_name(source.relid));
    return names;
}

std::string kept_columns(const engine::Step &step)
{
    std::vector<std::string> columns;
    for (const engine::ArrangementColumn &column : step.columns)
        columns.push_back(column.column.name);
    return (step.layout == engine::Layout::groups ? "one row per group: " : "one row per copy: ") + join(columns);
}

void explain_steps(Rows &rows, const refresh::Compiled &compiled)
{
    refresh::Names names(compiled);
    int last = static_cast<int>(compiled.steps.size()) - 1;
    for (int i = 0; i <= last; i++) {
        const refresh::CompiledStep &step = compiled.steps[i];
        std::string label = i == last ? "storage" : "arrangement " + std::to_string(i);
        add(rows, label, step.heap_name + ", " + size_of(step.heap) + ", " + kept_columns(step.step));
        if (compiled.is_full_only())
            continue;
        const engine::ChangedInputs all_changed(step.step.inputs.size(), true);
        add(rows, label + ": delta statement",
            laid_out(refresh::readable(compiled.program->delta_sql(i, all_changed, names), compiled)));
        if (!step.step.recompute_sql_condition.empty())
            add(rows, label + ": a group is recomputed if",
                refresh::readable(step.step.recompute_sql_condition, compiled));
    }
}

/* Counts the rows without a query: planning one would call functions of indexes that the owner has created,
 * and only superusers have the privilege to read the heap. */
int64_t count_rows_seen(Oid heap, Snapshot snapshot)
{
    int64_t count = 0;
    Relation relation = table_open(heap, AccessShareLock);
    TableScanDesc scan = table_beginscan(relation, snapshot, 0, nullptr);
    TupleTableSlot *slot = table_slot_create(relation, nullptr);
    while (table_scan_getnextslot(scan, ForwardScanDirection, slot)) {
        CHECK_FOR_INTERRUPTS();
        count++;
    }
    ExecDropSingleTupleTableSlot(slot);
    table_endscan(scan);
    table_close(relation, NoLock);
    return count;
}

int64_t count_rows(Oid heap)
{
    return call([=] {
        int64_t count = 0;
        Snapshot snapshot = RegisterSnapshot(latest_snapshot());
        ListCell *cell;
        foreach (cell, storage::row_heaps(heap))
            count += count_rows_seen(lfirst_oid(cell), snapshot);
        UnregisterSnapshot(snapshot);
        return count;
    });
}

void explain(Rows &rows, Oid relid, bool with_analyze)
{
    const bool is_open = refresh::may_run_here(relid);
    if (!is_open || !refresh::has_current_layout(relid)) {
        explain_definition(rows, definition::load(relid));
        explain_state(rows, relid);
        if (is_open)
            add(rows, "storage", "to be built again by the next refresh");
        else
            add(rows, "operators", "shown to the owner only, as the query may run code of the owner");
        return;
    }
    refresh::Compiled &compiled = refresh::compiled_of(relid);
    explain_definition(rows, compiled.definition);
    add(rows, "kept", compiled.is_full_only() ? "by full refreshes" : "by deltas");
    explain_state(rows, relid);
    explain_sources(rows, compiled);
    if (compiled.program)
        add(rows, "operators", refresh::readable(compiled.program->explain(source_names(compiled)), compiled));
    explain_steps(rows, compiled);
    for (const refresh::MissingIndex &missing : refresh::missing_indexes(compiled))
        add(rows, "missing index", missing.statement);
    if (!with_analyze)
        return;
    for (const refresh::CompiledStep &step : compiled.steps)
        add(rows, "rows of " + step.heap_name, std::to_string(count_rows(step.heap)));
}

} // namespace

} // namespace pgtrickle

SQL_FUNCTION(pgtrickle_explain_st)
{
    using namespace pgtrickle;
    std::string name = required_text(fcinfo, 0, "name");
    bool with_analyze = boolean_argument(fcinfo, 1).value_or(false);
    Oid relid = call([&] {
        guc::require_stream_tables("explain a stream table");
        return locked_stream_table(stream_table_with_texts, name.c_str(), AccessShareLock);
    });
    Rows rows(fcinfo);
    without_keeping_locks([&] { explain(rows, relid, with_analyze); }); /* as in objection_to() (refresh_mode.cpp) */
    return 0;
}
