#include "fdw/scan/known_touched.hpp"

#include "capture/log/log.hpp"
#include "definition/query/rewritten_query.hpp"
#include "definition/state/state.hpp"
#include "definition/stream_table.hpp"
#include "fdw/scan/exact_planning.hpp"
#include "fdw/scan/touched_values.hpp"
#include "fdw/scan/user_type.hpp"
#include "pg/attempt.hpp"
#include "pg/invalidation_listeners.hpp"
#include "pg/relation_row.hpp"
#include "pg/rights.hpp"
#include "pg/versions/rights.hpp"

extern "C" {
#include "access/xact.h"
#include "executor/executor.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"
}

#include <algorithm>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

namespace pgtrickle {

namespace {

constexpr size_t most_stream_tables = 32;
constexpr size_t most_added = 1000; /* values, beside as many as were found at first */

/* A memory context that lives as long as the object. */
class Memory {
  public:
    Memory()
        : context_(
              call([] { return AllocSetContextCreate(CacheMemoryContext, "touched values", ALLOCSET_SMALL_SIZES); }))
    {
    }
    ~Memory() { MemoryContextDelete(context_); }
    Memory(const Memory &) = delete;
    Memory &operator=(const Memory &) = delete;
    MemoryContext context() const { return context_; }

  private:
    MemoryContext context_;
};

struct Known {
    TouchedValues found; /* without its values */
    std::vector<Oid> sources;
    std::vector<Oid> relations; /* whose privileges the owner has, views and sources included */
    Frontier applied;           /* F */
    Frontier seen;              /* S */
    Frontier found_for;         /* the last snapshot for which the values were found to be all; empty: none */
    Oid hash = InvalidOid;      /* the function */
    int16 length = 0;
    bool is_by_value = false;
    bool is_forgotten = false;
    std::unordered_multimap<uint32_t, Datum> values; /* by their hash; in `memory` */
    size_t found_count = 0;
    Memory memory;
};

using KnownByTable = std::map<Oid, std::unique_ptr<Known>>;

KnownByTable *known_by_table = nullptr; /* lives as long as the backend; null: nothing is known */
uint64_t forget_count = 0;

Known *known_of(Oid relid)
{
    if (known_by_table == nullptr)
        return nullptr;
    const auto entry = known_by_table->find(relid);
    return entry != known_by_table->end() && !entry->second->is_forgotten ? entry->second.get() : nullptr;
}

void forget(Oid relation)
{
    forget_count++;
    if (known_by_table == nullptr)
        return;
    for (auto &[relid, known] : *known_by_table)
        if (!OidIsValid(relation) || relation == relid ||
            std::find(known->relations.begin(), known->relations.end(), relation) != known->relations.end())
            known->is_forgotten = true;
}

/* Memberships of roles decide whether the owner may read a source. */
void forget_all(int, uint32)
{
    forget(InvalidOid);
}

/* ---- the values -------------------------------------------------------------------------- */

bool has_equal(const Known &known, Oid equals, Oid collation, uint32_t hash, Datum constant)
{
    const auto [begin, end] = known.values.equal_range(hash);
    return std::any_of(begin, end, [&](const auto &each) {
        return call([&] { return DatumGetBool(OidFunctionCall2Coll(equals, collation, each.second, constant)); });
    });
}

void add_value(Known *known, Datum value)
{
    const uint32_t hash =
        call([&] { return DatumGetUInt32(OidFunctionCall1Coll(known->hash, known->found.collation, value)); });
    if (has_equal(*known, get_opcode(known->found.equals), known->found.collation, hash, value))
        return;
    const Datum copy = call([&] {
        MemoryContext previous = MemoryContextSwitchTo(known->memory.context());
        const Datum made = datumCopy(value, known->is_by_value, known->length);
        MemoryContextSwitchTo(previous);
        return made;
    });
    known->values.emplace(hash, copy);
}

/* Adds the values in the first column of the rows. */
void add_rows(Known *known, Tuplestorestate *rows, TupleDesc descriptor)
{
    TupleTableSlot *slot = call([&] { return MakeSingleTupleTableSlot(descriptor, &TTSOpsMinimalTuple); });
    while (call([&] { return tuplestore_gettupleslot(rows, true, false, slot); })) {
        bool is_null;
        const Datum value = call([&] { return slot_getattr(slot, 1, &is_null); });
        if (!is_null) /* no constant equals it */
            add_value(known, value);
    }
    call([&] { ExecDropSingleTupleTableSlot(slot); });
}

/* ---- the first look ------------------------------------------------------------------------ */

/* F and S of a statement. */
struct Seen {
    Frontier applied;
    Frontier snapshot;
};

/* Returns what is known of the column before any change has been read; null if it cannot be looked up. */
std::unique_ptr<Known> make_known(Oid relid, const TouchedValues &found, const Seen &seen)
{
    Oid hash = InvalidOid, hash_of_right;
    if (is_type_of_a_user(found.type) ||
        !call([&] { return get_op_hash_functions(found.equals, &hash, &hash_of_right); }))
        return nullptr;
    auto known = std::make_unique<Known>();
    known->found = found;
    known->found.values = NIL;
    for (const Source &source : definition::sources_of(relid))
        known->sources.push_back(source.relid);
    known->relations = known->sources;
    call([&] {
        definition::visit_levels(definition::query_of(relid), [&](const Query *level) {
            ListCell *cell;
            foreach (cell, level->rtable)
                if (const Oid named = lfirst_node(RangeTblEntry, cell)->relid; OidIsValid(named))
                    known->relations.push_back(named);
        });
    });
    known->applied = known->seen = seen.applied;
    known->hash = hash;
    call([&] { get_typlenbyval(found.type, &known->length, &known->is_by_value); });
    return known;
}

bool are_captured_tables(Oid relid)
{
    const std::vector<Source> sources = definition::sources_of(relid);
    return std::all_of(sources.begin(), sources.end(),
                       [](const Source &source) { return source.kind == SourceKind::table && source.is_captured; });
}

/* Returns null if the query has no such column, or the values in changes of its table may not be all. */
std::unique_ptr<Known> find_column_alone(Oid relid, const Bitmapset *outputs, const Seen &seen)
{
    TouchedValues found;
    const bool is_found = are_captured_tables(relid) &&
                          call([&] { return find_touched_column(definition::query_of(relid), outputs, &found); }) &&
                          found.is_read_once;
    return is_found ? make_known(relid, found, seen) : nullptr;
}

/* Returns null if there are no such values. */
std::unique_ptr<Known> find_values(Oid relid, const Bitmapset *outputs, Snapshot snapshot, const Seen &seen)
{
    const TouchedValues found = call([&] {
        return beside_planning(relid, [&] {
            TouchedValues touched;
            if (!find_touched_values(relid, locked_definition(relid), snapshot, outputs, &touched))
                touched.output = 0;
            return touched;
        });
    });
    std::unique_ptr<Known> known = found.output != 0 ? make_known(relid, found, seen) : nullptr;
    if (known == nullptr)
        return nullptr;
    known->seen = seen.snapshot;
    ListCell *cell;
    foreach (cell, found.values)
        add_value(known.get(), lfirst_node(Const, cell)->constvalue);
    known->found_count = known->values.size();
    return known;
}

/* ---- later looks ---------------------------------------------------------------------------- */

/* Adds the values of the changes that the snapshot sees beyond those that were seen. Returns false if more has to be
 * found than that. */
bool read_on(Known *known, Snapshot snapshot, const Seen &seen)
{
    const Oid table = known->found.table;
    for (const Oid source : known->sources)
        if (source != table && call([&] { return capture::has_changes(source, known->seen, snapshot); }))
            return false;
    if (!call([&] { return capture::has_changes(table, known->seen, snapshot); }))
        return true;
    TupleDesc descriptor = call([&] { return capture::changes_descriptor(table, &known->found.column, 1); });
    Tuplestorestate *rows = call([&] { return tuplestore_begin_heap(false, false, work_mem); });
    const capture::Portion portion = {0, static_cast<int64>(most_added)};
    const capture::Changes read = call([&] {
        return capture::read_changes(table, known->seen, snapshot, &known->found.column, 1, false, NIL, portion, rows);
    });
    const bool is_all = !read.has_marker && !read.is_cut;
    if (is_all)
        add_rows(known, rows, descriptor);
    call([&] { tuplestore_end(rows); });
    if (!is_all)
        return false;
    known->seen = seen.snapshot;
    return known->values.size() <= 2 * known->found_count + most_added;
}

/* Whether the owner may read the relations that the query names. A look-up does not show which keys have changed in
 * others. Takes no lock. */
bool may_be_read(Oid relid)
{
    const AsOwner as_owner(call([=] { return owner_of_relation(relid); }), Sharing::all);
    return !attempt([=] {
        call([=] {
            definition::visit_levels(definition::query_of(relid),
                                     [](const Query *level) { check_rights(asked_rights(level)); });
        });
    });
}

/* Finds them without what is known. */
std::unique_ptr<Known> find_at_first(Oid relid, const Bitmapset *outputs, Snapshot snapshot, SourceRows rows,
                                     const Seen &seen)
{
    if (!may_be_read(relid))
        return nullptr;
    std::unique_ptr<Known> known = find_column_alone(relid, outputs, seen);
    if (known != nullptr && read_on(known.get(), snapshot, seen))
        return known;
    return rows == SourceRows::are_read ? find_values(relid, outputs, snapshot, seen) : nullptr;
}

/* A snapshot that was taken during recovery has its running transactions elsewhere. */
bool is_listed(Snapshot snapshot)
{
    return !snapshot->takenDuringRecovery;
}

/* Whether all that the snapshot sees is what another snapshot with the same transactions sees. Under the snapshot of a
 * transaction, the latest generation counts, too (state::VisibleRow). */
bool is_shown_by_transactions(Snapshot snapshot)
{
    return is_listed(snapshot) && !IsolationUsesXactSnapshot() && !TransactionIdIsValid(GetTopTransactionIdIfAny());
}

int find_known(Oid relid, const Bitmapset *outputs, Snapshot snapshot, SourceRows rows)
{
    const state::VisibleRow row = call([=] { return state::visible_row(relid, snapshot); });
    if (row.frontier == nullptr || row.needs_reinit || !row.is_populated)
        return 0;
    const Seen seen = {Frontier::from_text(row.frontier, row.own_xid, row.own_seq), Frontier::of_snapshot(snapshot, 0)};
    Known *known = known_of(relid);
    if (is_listed(snapshot) && known != nullptr && bms_is_member(known->found.output, outputs) &&
        seen.applied.includes(known->applied) && read_on(known, snapshot, seen)) {
        known->found_for = is_shown_by_transactions(snapshot) ? seen.snapshot : Frontier();
        return known->found.output;
    }
    if (known_by_table == nullptr)
        known_by_table = new KnownByTable;
    if (known_by_table->size() >= most_stream_tables)
        known_by_table->clear();
    known_by_table->erase(relid);
    const uint64_t forgotten_before = forget_count;
    std::unique_ptr<Known> found = find_at_first(relid, outputs, snapshot, rows, seen);
    if (found == nullptr)
        return 0;
    found->is_forgotten = !is_listed(snapshot) || !found->found.is_read_once || forget_count != forgotten_before;
    const int output = found->found.output;
    (*known_by_table)[relid] = std::move(found);
    return output;
}

} // namespace

int known_touched_as_of(Oid relid, Snapshot snapshot)
{
    const Known *known = known_of(relid);
    if (known == nullptr || known->found_for.xmax == 0 || !is_shown_by_transactions(snapshot))
        return 0;
    return enter([=] { return Frontier::of_snapshot(snapshot, 0) == known->found_for ? known->found.output : 0; });
}

int find_known_touched(Oid relid, const Bitmapset *outputs, Snapshot snapshot, SourceRows rows)
{
    return enter([=] { return find_known(relid, outputs, snapshot, rows); });
}

bool may_be_touched(Oid relid, Oid equals, Oid collation, Datum constant)
{
    return enter([=] {
        const auto entry = known_by_table->find(relid);
        Oid left, right;
        if (entry == known_by_table->end() || !call([&] { return get_op_hash_functions(equals, &left, &right); }) ||
            left != entry->second->hash || collation != entry->second->found.collation)
            return true;
        const uint32_t hash = call([=] { return DatumGetUInt32(OidFunctionCall1Coll(right, collation, constant)); });
        return has_equal(*entry->second, call([=] { return get_opcode(equals); }), collation, hash, constant);
    });
}

void register_known_touched()
{
    listen_to_relations(forget);
    listen_to_cache(AUTHOID, forget_all);
    listen_to_cache(AUTHMEMROLEMEM, forget_all);
}

} // namespace pgtrickle
