#include "fdw/scan/exact_planning.hpp"

#include "capture/triggers/open_statement.hpp"
#include "definition/query/rewritten_query.hpp"
#include "definition/stream_table.hpp"
#include "fdw/scan/user_type.hpp"
#include "refresh/code/interpreted_code.hpp"
#include "refresh/run/read_groups.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "rewrite/rewriteHandler.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"
}

namespace pgtrickle {

/* A second plan that is being made. */
struct ExactPlan {
    const List *relids;
    Snapshot snapshot;
    MemoryContext memory;
    List *known; /* of KnownRead */
    bool is_begun;
};

namespace {

ExactPlan *planned_now = nullptr; /* null: none */

struct KnownRead {
    Oid relid;
    ExactRead read;
    ExactRead *of_one_scan; /* null: not determined */
};

/* Returns true if the keys can be those of a clause. */
bool find_columns(const ServedRelation *served, const refresh::ReadGroups &groups, ExactRead *read)
{
    const AttrNumber *numbers = output_numbers(served);
    auto *columns = static_cast<TouchedColumn *>(palloc0(sizeof(TouchedColumn) * (groups.key_count + 1)));
    for (int k = 0; k < groups.key_count; k++)
        for (int i = 0; i < served->column_count; i++)
            if (served->columns[i] != 0 && numbers[i] == groups.key[k] + 1) {
                const Oid type = get_atttype(served->relid, static_cast<AttrNumber>(i + 1));
                const Oid equals = lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr;
                columns[k] = {static_cast<AttrNumber>(i + 1), equals, type};
            }
    read->keys = {groups.key_count, columns, groups.merged.keys};
    for (int k = 0; k < groups.key_count; k++)
        if (columns[k].column == 0 || is_type_of_a_user(columns[k].type))
            return false;
    return can_be_in_clause(read->keys);
}

/* The pending changes are merged with stored groups. Returns false if they cannot be. */
bool find_merged(Oid relid, Snapshot snapshot, ExactRead *read)
{
    refresh::ReadGroups groups;
    const bool is_read = enter([&] {
        bool is_complete = false;
        refresh::for_stream_table(relid, "read", [&] {
            ExactPlanning none(nullptr, InvalidSnapshot);
            is_complete = refresh::read_groups(relid, snapshot, &groups);
        });
        return is_complete;
    });
    if (!is_read || !find_columns(find_served_relation(relid), groups, read))
        return false;
    read->way = groups.merged.keys == NIL ? ExactWay::stored : ExactWay::merged;
    read->can_be_in_statement = groups.key_count > 0;
    read->rows = groups.merged.rows;
    return true;
}

/* Runs with the rights of the stream table's owner. */
ExactRead find_touched(const ServedRelation *served, Snapshot snapshot)
{
    ExactRead read;
    const Oid relid = served->relid;
    const AttrNumber *numbers = output_numbers(served);
    const int count = served->column_count;
    Query *definition = locked_definition(relid);
    /* Otherwise a plan would show which keys have changed in sources that the owner may no longer read. */
    definition::check_read_privileges(definition);
    if (!find_touched_values(relid, definition, snapshot, nullptr, &read.values))
        return read;
    for (int i = 0; i < count; i++)
        if (numbers[i] == read.values.output)
            read.keys = keys_of(read.values, static_cast<AttrNumber>(i + 1));
    if (read.values.is_empty())
        read.way = ExactWay::stored;
    else if (read.values.is_indexed && can_be_in_clause(read.keys))
        read.way = ExactWay::in_parts;
    read.can_be_in_statement = !is_type_of_a_user(get_atttype(relid, read.keys.columns->column));
    return read;
}

ExactRead find_touched_as_owner(Oid relid, Snapshot snapshot)
{
    return beside_planning(relid, [&] { return find_touched(find_served_relation(relid), snapshot); });
}

/* How the stream table is read under the snapshot. The logs show all that is pending if no statement is in progress and
 * nothing but captured changes matters. */
ExactRead find_exact_read(Oid relid, Snapshot snapshot)
{
    ExactRead read;
    if (capture::has_open_statement() || may_differ_without_change(relid, snapshot) ||
        !storage::is_seen_as_it_is(find_served_relation(relid)->storage, snapshot) ||
        find_merged(relid, snapshot, &read))
        return read;
    return find_touched_as_owner(relid, snapshot);
}

KnownRead *known_read(Oid relid)
{
    ListCell *cell;
    foreach (cell, planned_now->known)
        if (static_cast<KnownRead *>(lfirst(cell))->relid == relid)
            return static_cast<KnownRead *>(lfirst(cell));
    auto *known = static_cast<KnownRead *>(palloc(sizeof(KnownRead)));
    *known = {relid, find_exact_read(relid, planned_now->snapshot), nullptr};
    planned_now->known = lappend(planned_now->known, known);
    return known;
}

/* Merged groups are apart from the stored ones, unless they are all. */
const ExactRead *read_of_one_scan(KnownRead *known)
{
    if (known->read.way != ExactWay::merged || known->read.keys.column_count == 0)
        return &known->read;
    if (known->of_one_scan == nullptr) {
        known->of_one_scan = static_cast<ExactRead *>(palloc(sizeof(ExactRead)));
        *known->of_one_scan = find_touched_as_owner(known->relid, planned_now->snapshot);
    }
    return known->of_one_scan;
}

} // namespace

ExactPlanning::ExactPlanning(const List *relids, Snapshot snapshot) : outer_(planned_now), own_(nullptr)
{
    if (relids != nullptr)
        own_ = new ExactPlan{relids, snapshot, CurrentMemoryContext, NIL, false};
    planned_now = own_;
}

ExactPlanning::~ExactPlanning()
{
    delete own_;
    planned_now = outer_;
}

bool is_planning_exactly()
{
    return planned_now != nullptr;
}

bool begin_statement_of_exact_planning()
{
    if (planned_now == nullptr)
        return true;
    const bool is_first = !planned_now->is_begun;
    planned_now->is_begun = true;
    return is_first;
}

bool is_planned_exactly(Oid relid)
{
    return planned_now != nullptr && list_member_oid(planned_now->relids, relid);
}

const ExactRead *exact_read_of(Oid relid)
{
    MemoryContext previous = MemoryContextSwitchTo(planned_now->memory);
    const ExactRead *read = &known_read(relid)->read;
    MemoryContextSwitchTo(previous);
    return read;
}

const ExactRead *exact_read_of_one_scan(Oid relid)
{
    MemoryContext previous = MemoryContextSwitchTo(planned_now->memory);
    const ExactRead *read = read_of_one_scan(known_read(relid));
    MemoryContextSwitchTo(previous);
    return read;
}

Query *locked_definition(Oid relid)
{
    Query *definition = definition::query_of(relid);
    AcquireRewriteLocks(definition, true, false);
    return definition;
}

Query *rewritten_known(Oid relid, const Query *query)
{
    Query *rewritten = definition::rewritten(query);
    AcceptInvalidationMessages();
    if (!enter([=] { return refresh::may_run_here(relid); }))
        ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                        errmsg("could not read stream table \"%s\" exactly", get_rel_name(relid)),
                        errdetail("What its query reads was redefined meanwhile."), errhint("Try again.")));
    return rewritten;
}

AttrNumber *output_numbers(const ServedRelation *served)
{
    auto *numbers = static_cast<AttrNumber *>(palloc0(sizeof(AttrNumber) * (served->column_count + 1)));
    for (int i = 0; i < served->column_count; i++)
        if (served->columns[i] != 0)
            numbers[i] = static_cast<AttrNumber>(i + 1);
    return numbers;
}

} // namespace pgtrickle
