#include "refresh/program/heaps.hpp"

#include "pg/context.hpp"
#include "pg/type_name.hpp"
#include "storage/layout.hpp"
#include "storage/partitions.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "utils/relcache.h"
#include "utils/syscache.h"
}

namespace pgtrickle::refresh {

namespace {

/* Whether the column exists, and has that type; and the name `name`, if that is given. A dropped column of
 * the stream table has no type ("-"). PostgreSQL frame. */
bool has_column(Oid heap, AttrNumber number, const char *type, const char *name)
{
    HeapTuple tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(heap), Int16GetDatum(number));
    if (!HeapTupleIsValid(tuple))
        return false;
    const auto column = *reinterpret_cast<Form_pg_attribute>(GETSTRUCT(tuple));
    ReleaseSysCache(tuple);
    if (name != nullptr && strcmp(NameStr(column.attname), name) != 0)
        return false;
    if (strcmp(type, "-") == 0)
        return true;
    const NamedType wanted = named_type(type);
    return !column.attisdropped && column.atttypid == wanted.type && column.atttypmod == wanted.typmod;
}

int column_count(Oid heap)
{
    return call([=] {
        HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(heap));
        const int count = HeapTupleIsValid(tuple) ? reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relnatts : 0;
        if (HeapTupleIsValid(tuple))
            ReleaseSysCache(tuple);
        return count;
    });
}

/* Returns the columns by which the rows of the heap are found. */
std::vector<int> found_by_of(Oid heap)
{
    AttrNumber columns[INDEX_MAX_KEYS];
    const int count = call([&] { return storage::found_by(heap, columns); });
    std::vector<int> positions;
    for (int i = 0; i < count; i++)
        positions.push_back(columns[i] - 1);
    return positions;
}

/* Whether the rows of the heap are found by the hash, or by columns that are still a key. Columns that are none any
 * more find the rows, but any number of them could have one place, and each look-up would read them all. */
bool has_its_key(const CompiledStep &compiled)
{
    return compiled.found_by.empty() || compiled.found_by == compiled.step.found_by;
}

/* Whether the rows of the heap are found by what the deltas of its step have: of a group, only the key. */
bool is_found_by_its_step(const CompiledStep &compiled)
{
    return compiled.step.layout == engine::Layout::rows || has_its_key(compiled);
}

/* Declared columns of the storage are renamed with the stream table; a hidden column keeps the name that its
 * program gave it. Beside the columns of the step there is pgt_hash, if rows are found by it. */
bool has_columns_of_its_step(const CompiledStep &compiled)
{
    const std::vector<engine::ArrangementColumn> &columns = compiled.step.columns;
    const int output_count = compiled.step.output_count;
    const Oid heap = compiled.heap;
    const bool has_hash = compiled.found_by.empty();
    if (column_count(heap) != static_cast<int>(columns.size()) + has_hash)
        return false;
    return call([&] {
        AttrNumber number = 0;
        for (const engine::ArrangementColumn &column : columns) {
            const char *hidden_name = number >= output_count ? column.column.name.c_str() : nullptr;
            if (!has_column(heap, ++number, column.column.type.c_str(), hidden_name))
                return false;
        }
        return !has_hash || has_column(heap, ++number, "pg_catalog.int8", "pgt_hash");
    });
}

/* Whether the columns of an arrangement have the names that the program uses. A column of a source that is
 * renamed gives columns of the program other names. */
bool has_names_of_its_step(const CompiledStep &compiled)
{
    return call([&] {
        AttrNumber number = 0;
        for (const engine::ArrangementColumn &column : compiled.step.columns)
            if (!has_column(compiled.heap, ++number, "-", column.column.name.c_str()))
                return false;
        return true;
    });
}

} // namespace

bool find_heaps(Compiled &compiled)
{
    const Definition &definition = compiled.definition;
    int last = static_cast<int>(compiled.steps.size()) - 1;
    /* A program with more steps may have been that of other policies. */
    bool has_current_layout = !OidIsValid(storage::arrangement_of(definition.relid, last)), has_names = true;
    compiled.has_lost_a_key = compiled.has_gained_a_key = false;
    for (int k = 0; k <= last; k++) {
        CompiledStep &step = compiled.steps[k];
        step.heap = k == last ? storage::storage_of(definition.relid) : storage::arrangement_of(definition.relid, k);
        if (k == last && !OidIsValid(step.heap))
            raise({.sqlstate = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                   .message = "storage of stream table \"" + definition.name + "\" is missing",
                   .hint = "Run pgtrickle.repair_stream_table() on it."});
        if (OidIsValid(step.heap))
            step.found_by = found_by_of(step.heap);
        if (k == last)
            has_current_layout = has_current_layout && storage::is_partitioned_by(step.heap, definition.partition_by);
        has_current_layout = has_current_layout && has_columns_of_its_step(step) && is_found_by_its_step(step);
        /* Without a program no key is known, nor is any row looked up by it. */
        compiled.has_lost_a_key = compiled.has_lost_a_key || (!compiled.is_full_only() && !has_its_key(step));
        compiled.has_gained_a_key = compiled.has_gained_a_key ||
                                    (!compiled.is_full_only() && step.found_by.empty() && !step.step.found_by.empty());
        has_names = has_names && (k == last || !has_current_layout || has_names_of_its_step(step));
    }
    compiled.is_only_renamed = has_current_layout && !has_names;
    return has_current_layout && has_names;
}

TupleDesc leading_columns(TupleDesc all, int count, bool with_weight)
{
    return call([=] {
        TupleDesc descriptor = CreateTemplateTupleDesc(count + (with_weight ? 1 : 0));
        for (int i = 1; i <= count; i++)
            TupleDescCopyEntry(descriptor, i, all, i);
        if (with_weight)
            TupleDescInitEntry(descriptor, count + 1, "pgt_weight", INT8OID, -1, 0);
        return descriptor;
    });
}

void describe_heap(CompiledStep &compiled, MemoryContext compiled_in, std::vector<Oid> &relations)
{
    const engine::Step &step = compiled.step;
    Oid heap = compiled.heap;
    List *indexes = NIL;
    TupleDesc physical = call([&, heap] {
        Relation relation = table_open(heap, AccessShareLock);
        TupleDesc copy = CreateTupleDescCopy(RelationGetDescr(relation));
        indexes = RelationGetIndexList(relation);
        table_close(relation, NoLock);
        return copy;
    });
    relations.push_back(heap);
    for (int i = 0; i < list_length(indexes); i++)
        relations.push_back(list_nth_oid(indexes, i));
    int column_count = static_cast<int>(step.columns.size());
    ContextSwitch in_kept(compiled_in);
    compiled.physical = leading_columns(physical, column_count, false);
    compiled.output = leading_columns(physical, step.output_count, true);
    compiled.key = step.key;
    compiled.facts = {step.layout == engine::Layout::rows ? storage::RowLayout::rows : storage::RowLayout::groups,
                      column_count,
                      step.output_count,
                      static_cast<int>(compiled.key.size()),
                      compiled.key.data(),
                      step.shown_keys.data(),
                      step.count_column,
                      static_cast<int>(compiled.found_by.size()),
                      compiled.found_by.data(),
                      {}};
}

void require_own_heaps(const Compiled &compiled)
{
    if (!compiled.has_current_layout)
        raise({.sqlstate = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
               .message = "storage of stream table \"" + compiled.definition.name + "\" must be rebuilt",
               .detail = "A view, row-level security or the keys of the sources differ from those when the storage was "
                         "created, "
                         "or columns of the storage were dropped or altered.",
               .hint = "The next refresh, by the manager or by pgtrickle.refresh_stream_table(), rebuilds it."});
}

} // namespace pgtrickle::refresh
