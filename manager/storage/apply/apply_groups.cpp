#include "storage/apply/apply_groups.hpp"

extern "C" {
#include "executor/executor.h"
}

namespace pgtrickle::storage {

namespace {

bool is_same_prefix(const Arrangement *arrangement, int count, const TupleTableSlot *stored, const Datum *values,
                    const bool *nulls)
{
    for (int i = 0; i < count; i++) {
        Form_pg_attribute attribute = TupleDescAttr(arrangement->descriptor, i);
        if (!has_same_bytes(stored->tts_values[i], stored->tts_isnull[i], values[i], nulls[i], attribute->attbyval,
                            attribute->attlen))
            return false;
    }
    return true;
}

bool is_found(Arrangement *arrangement, const Datum *key_values, const bool *key_nulls)
{
    gather_identity(arrangement, arrangement->found->tts_values, arrangement->found->tts_isnull);
    return arrangement->identity.is_same(arrangement->identity_values, arrangement->identity_nulls, key_values,
                                         key_nulls);
}

/* Returns the stored row of the key, given in the order of the delta's columns, or NULL. A key has one
 * row. */
TupleTableSlot *find_group(Arrangement *arrangement, int64 hash, const Datum *key_values, const bool *key_nulls)
{
    if (find_known(arrangement, key_values, key_nulls, hash) && is_found(arrangement, key_values, key_nulls))
        return arrangement->found;
    start_lookup_of_key(arrangement, key_values, key_nulls, hash);
    while (next_found(arrangement))
        if (is_found(arrangement, key_values, key_nulls))
            return arrangement->found;
    return nullptr;
}

bool evaluate_condition(ExprState *state, ExprContext *context)
{
    bool is_null;
    Datum value = ExecEvalExprSwitchContext(state, context, &is_null);
    return !is_null && DatumGetBool(value);
}

void project_into(ProjectionInfo *projection, const int *targets, int count, TupleTableSlot *row)
{
    TupleTableSlot *result = ExecProject(projection);
    for (int i = 0; i < count; i++) {
        row->tts_values[targets[i]] = result->tts_values[i];
        row->tts_isnull[targets[i]] = result->tts_isnull[i];
    }
}

/* program->merged := merge(stored, delta row). Keys keep their stored image. */
void merge(Arrangement *arrangement, GroupProgram *program, TupleTableSlot *stored, TupleTableSlot *delta_row)
{
    TupleTableSlot *merged = program->merged;
    ExecClearTuple(merged);
    memset(merged->tts_isnull, true, sizeof(bool) * merged->tts_tupleDescriptor->natts);
    int key_count = arrangement->facts.key_count;
    for (int i = 0; i < key_count; i++) {
        int position = arrangement->facts.key[i];
        merged->tts_values[position] = stored != nullptr ? stored->tts_values[position] : delta_row->tts_values[i];
        merged->tts_isnull[position] = stored != nullptr ? stored->tts_isnull[position] : delta_row->tts_isnull[i];
    }
    project_into(program->states, program->state_targets, program->state_count, merged);
    ExecStoreVirtualTuple(merged);
}

void finish(GroupProgram *program)
{
    program->context->ecxt_scantuple = program->merged;
    if (program->finals != nullptr)
        project_into(program->finals, program->final_targets, program->final_count, program->merged);
}

enum class Group { has_row, has_none, to_recompute, inconsistent };

/* Determines the new row of the group of delta->slot, in program->merged. `stored` is set to its row; null: none. */
Group merge_group(Arrangement *arrangement, GroupProgram *program, DeltaSort *delta, TupleTableSlot **stored)
{
    TupleTableSlot *row = delta->slot;
    *stored = find_group(arrangement, hash_of_row(delta), row->tts_values, row->tts_isnull);
    program->context->ecxt_outertuple = *stored != nullptr ? *stored : program->absent;
    program->context->ecxt_innertuple = row;
    merge(arrangement, program, *stored, row);
    const int64 count = DatumGetInt64(program->merged->tts_values[arrangement->facts.count_column]);
    if (count < 0)
        return Group::inconsistent;
    if (count == 0 && arrangement->facts.key_count > 0)
        return Group::has_none;
    if (program->must_recompute != nullptr && evaluate_condition(program->must_recompute, program->context))
        return Group::to_recompute;
    finish(program);
    return Group::has_row;
}

void touch(Touched *touched, const TupleTableSlot *delta_row, const TupleTableSlot *merged)
{
    const TupleTableSlot *row = touched->has_states ? merged : delta_row;
    tuplestore_putvalues(touched->groups, touched->descriptor, row->tts_values, row->tts_isnull);
    touched->count++;
}

/* Applies one row of the delta; returns false if the arrangement is inconsistent. */
bool apply_group(Arrangement *arrangement, GroupProgram *program, DeltaSort *delta, Emitter *emitter, Touched *touched)
{
    TupleTableSlot *stored, *merged = program->merged;
    switch (merge_group(arrangement, program, delta, &stored)) {
    case Group::inconsistent: return false;
    case Group::to_recompute: touch(touched, delta->slot, program->merged); break;
    case Group::has_none: replace_row(arrangement, stored, nullptr, nullptr, hash_of_row(delta), emitter); break;
    case Group::has_row:
        replace_row(arrangement, stored, merged->tts_values, merged->tts_isnull, hash_of_row(delta), emitter);
    }
    return true;
}

void end_merging(GroupProgram *program)
{
    ExecClearTuple(program->merged);
    ResetExprContext(program->context);
}

void keep(List **rows, MemoryContext memory, TupleTableSlot *row)
{
    MemoryContext previous = MemoryContextSwitchTo(memory);
    auto *kept = static_cast<KeptRow *>(palloc(sizeof(KeptRow)));
    *kept = keep_row(row);
    *rows = lappend(*rows, kept);
    MemoryContextSwitchTo(previous);
}

/* Whether a change of a type, or of a function that hashes it, has changed the hash of a stored row. */
bool has_other_hash(const Arrangement *arrangement, const TupleTableSlot *stored, int64 hash)
{
    return arrangement->facts.found_by_count == 0 &&
           DatumGetInt64(stored->tts_values[arrangement->facts.column_count]) != hash;
}

bool is_too_much(const MergedGroups *merged)
{
    return list_length(merged->keys) > merged->most ||
           MemoryContextMemAllocated(merged->memory, false) > merged->most_bytes;
}

} // namespace

void replace_row(Arrangement *arrangement, TupleTableSlot *stored, const Datum *values, const bool *nulls, int64 hash,
                 Emitter *emitter)
{
    int column_count = arrangement->facts.column_count;
    int output_count = arrangement->facts.output_count;
    bool is_output_same =
        stored != nullptr && values != nullptr && is_same_prefix(arrangement, output_count, stored, values, nulls);
    if (stored != nullptr && !is_output_same)
        emit(emitter, stored->tts_values, stored->tts_isnull, -1);
    if (values != nullptr && !is_output_same)
        emit(emitter, values, nulls, 1);
    if (stored == nullptr) {
        if (values != nullptr)
            insert_row(arrangement, values, nulls, hash);
    } else if (values == nullptr) {
        delete_row(arrangement, address_of(stored));
    } else if (has_other_hash(arrangement, stored, hash) ||
               !is_same_prefix(arrangement, column_count, stored, values, nulls)) {
        update_row(arrangement, address_of(stored), values, nulls, hash);
    }
}

bool apply_groups(Arrangement *arrangement, GroupProgram *program, DeltaSort *delta, Emitter *emitter, Touched *touched)
{
    bool is_consistent = true;
    while (next_row(delta)) {
        CHECK_FOR_INTERRUPTS();
        ResetExprContext(program->context);
        is_consistent = apply_group(arrangement, program, delta, emitter, touched) && is_consistent;
    }
    end_merging(program);
    return is_consistent;
}

bool merge_groups(Arrangement *arrangement, GroupProgram *program, DeltaSort *delta, MergedGroups *merged,
                  Touched *touched)
{
    bool is_complete = true;
    while (is_complete && next_row(delta)) {
        CHECK_FOR_INTERRUPTS();
        ResetExprContext(program->context);
        TupleTableSlot *stored;
        const Group group = merge_group(arrangement, program, delta, &stored);
        keep(&merged->keys, merged->memory, delta->slot);
        if (group == Group::has_row)
            keep(&merged->rows, merged->memory, program->merged);
        else if (group == Group::to_recompute)
            touch(touched, delta->slot, program->merged);
        is_complete = group != Group::inconsistent && !is_too_much(merged);
    }
    end_merging(program);
    return is_complete;
}

bool merge_recomputed(DeltaSort *rows, MergedGroups *merged, const Touched *touched)
{
    int64 seen = 0;
    for (; !is_too_much(merged) && next_row(rows); seen++) {
        CHECK_FOR_INTERRUPTS();
        keep(&merged->rows, merged->memory, rows->slot);
    }
    return seen == touched->count && !is_too_much(merged);
}

bool apply_recomputed(Arrangement *arrangement, DeltaSort *rows, Emitter *emitter, const Touched *touched)
{
    int64 seen = 0;
    auto *key_values = static_cast<Datum *>(palloc(sizeof(Datum) * (arrangement->facts.key_count + 1)));
    auto *key_nulls = static_cast<bool *>(palloc(sizeof(bool) * (arrangement->facts.key_count + 1)));
    while (next_row(rows)) {
        CHECK_FOR_INTERRUPTS();
        for (int i = 0; i < arrangement->facts.key_count; i++) {
            key_values[i] = rows->slot->tts_values[arrangement->facts.key[i]];
            key_nulls[i] = rows->slot->tts_isnull[arrangement->facts.key[i]];
        }
        TupleTableSlot *stored = find_group(arrangement, hash_of_row(rows), key_values, key_nulls);
        replace_row(arrangement, stored, rows->slot->tts_values, rows->slot->tts_isnull, hash_of_row(rows), emitter);
        seen++;
    }
    /* Each touched key has rows (its count is positive), so the recompute statement must return each. */
    return seen == touched->count;
}

} // namespace pgtrickle::storage
