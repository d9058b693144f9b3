#include "fdw/read/session/choices.hpp"

#include "definition/guc.hpp"
#include "fdw/read/session/leader_reads.hpp"
#include "fdw/read/session/running_statements.hpp"
#include "fdw/scan/served_relation.hpp"
#include "pg/versions/processes.hpp"

extern "C" {
#include "utils/memutils.h"
#include "utils/timestamp.h"
}

namespace pgtrickle {

struct Choices {
    List *list; /* of Choice */
    MemoryContext memory;
    TimestampTz made_since;
    TimestampTz taken_at; /* see snapshot_time_of(); 0: not known yet */
    /* If they are those under the snapshot of a statement: */
    const QueryDesc *query;
    bool has_stored;  /* also those for stream tables that the statement reads as stored */
    int holder_count; /* they end with the last one */
};

namespace {

Choices *of_transaction = nullptr; /* in its memory */
uint32_t chosen_in = 0;            /* the local transaction id */

/* A statement in READ COMMITTED, in its memory, whose functions are bound by the choices. */
struct Holder {
    const QueryDesc *query;
    Choices *choices;
    MemoryContext memory; /* its own */
    MemoryContextCallback forget;
    Holder *next;
};

Holder *holders = nullptr;

void add(Choices *choices, const Choice &choice)
{
    MemoryContext previous = MemoryContextSwitchTo(choices->memory);
    auto *copy = static_cast<Choice *>(palloc(sizeof(Choice)));
    *copy = choice;
    choices->list = lappend(choices->list, copy);
    MemoryContextSwitchTo(previous);
}

Choice make(Oid relid, bool is_exact, bool is_stale, NotedBy by)
{
    return {.relid = relid,
            .is_exact = is_exact,
            .is_stale = is_stale,
            .staleness_ms = guc::max_staleness_ms,
            .is_consistent = guc::has_consistent_reads,
            .by = by};
}

/* Adds what the leader has chosen, in a parallel worker. */
void add_from_leader(Choices *choices)
{
    for (const char *at = leader_reads(); *at != '\0'; at = strchr(at, ';') + 1) {
        Choice choice = {};
        int is_exact, is_stale, is_consistent;
        if (sscanf(at, "choice %u %d %d " INT64_FORMAT " %d;", &choice.relid, &is_exact, &is_stale,
                   &choice.staleness_ms, &is_consistent) != 5)
            continue;
        choice.is_exact = is_exact != 0;
        choice.is_stale = is_stale != 0;
        choice.is_consistent = is_consistent != 0;
        add(choices, choice);
    }
}

/* ---- of a transaction, and of statements ------------------------------------------------- */

Choices *known_of_transaction()
{
    return chosen_in == own_local_xid() ? of_transaction : nullptr;
}

Choices *choices_of_transaction()
{
    if (known_of_transaction() != nullptr)
        return of_transaction;
    of_transaction = static_cast<Choices *>(MemoryContextAllocZero(TopTransactionContext, sizeof(Choices)));
    of_transaction->memory = TopTransactionContext;
    of_transaction->made_since = GetCurrentTransactionStartTimestamp();
    chosen_in = own_local_xid();
    add_from_leader(of_transaction);
    return of_transaction;
}

Holder *find_holder(const QueryDesc *query)
{
    for (Holder *each = holders; each != nullptr; each = each->next)
        if (each->query == query)
            return each;
    return nullptr;
}

Choices *known_of_statement(const QueryDesc *query)
{
    const Holder *holder = find_holder(query);
    return holder != nullptr ? holder->choices : nullptr;
}

/* A callback of the memory of a holder. */
void end_holder(void *argument)
{
    auto *ended = static_cast<Holder *>(argument);
    Holder **link = &holders;
    while (*link != ended)
        link = &(*link)->next;
    *link = ended->next;
    if (--ended->choices->holder_count == 0)
        MemoryContextDelete(ended->choices->memory);
}

/* Returns new choices under the snapshot of the statement, for hold(). */
Choices *make_for_statement(const QueryDesc *query)
{
    MemoryContext memory = AllocSetContextCreate(TopMemoryContext, "pg_trickle choices", ALLOCSET_SMALL_SIZES);
    auto *made = static_cast<Choices *>(MemoryContextAllocZero(memory, sizeof(Choices)));
    made->memory = memory;
    made->made_since = GetCurrentTimestamp();
    made->query = query;
    return made;
}

/* Lets the choices, or new ones if they are null, bind the functions of the statement, as long as the memory lives.
 * Returns them. */
Choices *hold(const QueryDesc *query, Choices *choices, MemoryContext parent)
{
    MemoryContext memory = AllocSetContextCreate(parent, "pg_trickle holder of choices", ALLOCSET_SMALL_SIZES);
    auto *holder = static_cast<Holder *>(MemoryContextAllocZero(memory, sizeof(Holder)));
    holder->query = query;
    holder->choices = choices != nullptr ? choices : make_for_statement(query);
    holder->memory = memory;
    holder->forget.func = end_holder;
    holder->forget.arg = holder;
    holder->next = holders;
    holders = holder;
    holder->choices->holder_count++;
    MemoryContextRegisterResetCallback(memory, &holder->forget);
    return holder->choices;
}

/* Whether there is a choice for the stream table, under any settings. */
bool is_chosen(const Choices *choices, Oid relid)
{
    ListCell *cell;
    foreach (cell, choices->list)
        if (static_cast<const Choice *>(lfirst(cell))->relid == relid)
            return true;
    return false;
}

/* Adds the choices for stream tables that a running statement reads as stored. */
void add_stored(Choices *choices)
{
    int count = 0;
    const Oid *relids = stream_tables_of(choices->query->plannedstmt, &count);
    for (int i = 0; i < count; i++)
        if (!is_chosen(choices, relids[i]))
            add(choices, make(relids[i], false, false, {0, running_depth()}));
    choices->has_stored = true;
}

/* Returns those that bind the functions of a running statement. */
Choices *choices_of_caller(const QueryDesc *caller)
{
    Choices *choices = known_of_statement(caller);
    if (choices == nullptr) {
        choices = hold(caller, nullptr, caller->estate->es_query_cxt);
        add_from_leader(choices);
    }
    if (!choices->has_stored)
        add_stored(choices);
    return choices;
}

bool is_of_these_settings(const Choice *choice)
{
    return choice->staleness_ms == guc::max_staleness_ms && choice->is_consistent == guc::has_consistent_reads;
}

template <typename Function> void for_all_choices(Function function)
{
    if (Choices *known = known_of_transaction())
        function(known);
    for (const Holder *each = holders; each != nullptr; each = each->next)
        function(each->choices);
}

} // namespace

Choices *begin_choices(const QueryDesc *query, bool may_call_readers)
{
    if (IsolationUsesXactSnapshot())
        return choices_of_transaction();
    if (const QueryDesc *caller = outermost_running_under(query->snapshot))
        return choices_of_caller(caller);
    /* That of a statement at the same address, which failed before it had started. */
    if (const Holder *left = find_holder(query))
        MemoryContextDelete(left->memory);
    return may_call_readers ? hold(query, nullptr, CurrentMemoryContext) : nullptr;
}

void attach_choices(const QueryDesc *query, bool may_call_readers)
{
    if (!may_call_readers || IsolationUsesXactSnapshot())
        return;
    const MemoryContext memory = query->estate->es_query_cxt;
    if (const Holder *own = find_holder(query))
        MemoryContextSetParent(own->memory, memory);
    else if (const QueryDesc *caller = outermost_running_under(query->snapshot))
        (void)hold(query, choices_of_caller(caller), memory); /* a cursor may outlive its caller */
}

bool are_binding(const Choices *choices, const QueryDesc *query)
{
    return choices != nullptr && choices->query != query;
}

TimestampTz snapshot_time_of(const QueryDesc *caller)
{
    Choices *choices = choices_of_caller(caller);
    if (choices->taken_at == 0)
        choices->taken_at = running_since(caller);
    return choices->taken_at;
}

TimestampTz made_since(const Choices *choices)
{
    return choices->made_since;
}

bool has_any_choice(const Choices *choices)
{
    return choices->list != NIL;
}

const Choice *choice_for(const Choices *choices, Oid relid)
{
    ListCell *cell;
    foreach (cell, choices->list) {
        const auto *before = static_cast<const Choice *>(lfirst(cell));
        if (before->relid == relid && is_of_these_settings(before))
            return before;
    }
    return nullptr;
}

const Choice *choice_among(const Choices *choices, const List *set)
{
    const Choice *found = nullptr;
    ListCell *cell;
    foreach (cell, choices->list) {
        const auto *before = static_cast<const Choice *>(lfirst(cell));
        if (!before->is_stale && list_member_oid(set, before->relid) && is_of_these_settings(before) &&
            (found == nullptr || before->is_exact))
            found = before;
    }
    return found;
}

void choose(Choices *choices, Oid relid, bool is_exact, bool is_stale)
{
    add(choices, make(relid, is_exact, is_stale, noted_by_starting()));
}

void confirm_choices(int position)
{
    for_all_choices([=](const Choices *choices) {
        ListCell *cell;
        foreach (cell, choices->list) {
            auto *choice = static_cast<Choice *>(lfirst(cell));
            if (choice->by.is_from(position))
                choice->by.nest_level = 0;
        }
    });
}

void follow_subtransaction_in_choices(SubXactEvent event, SubTransactionId, SubTransactionId)
{
    for_all_choices([=](Choices *choices) { choices->list = notes_after<Choice>(event, choices->list); });
}

void print_choices(StringInfo text, const QueryDesc *query)
{
    const QueryDesc *caller = outermost_running_under(query->snapshot);
    const Choices *choices =
        IsolationUsesXactSnapshot() ? known_of_transaction() : known_of_statement(caller != nullptr ? caller : query);
    ListCell *cell;
    foreach (cell, choices != nullptr ? choices->list : NIL) {
        const auto *choice = static_cast<const Choice *>(lfirst(cell));
        appendStringInfo(text, "choice %u %d %d " INT64_FORMAT " %d;", choice->relid, choice->is_exact,
                         choice->is_stale, choice->staleness_ms, choice->is_consistent);
    }
}

} // namespace pgtrickle
