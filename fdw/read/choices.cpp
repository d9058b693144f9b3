#include "fdw/read/choices.hpp"

#include "definition/guc.hpp"
#include "fdw/read/barrier.hpp"
#include "fdw/read/running_statements.hpp"
#include "pg/versions/processes.hpp"

extern "C" {
#include "utils/memutils.h"
}

namespace pgtrickle {

struct Choices {
    List *list; /* of Choice */
    MemoryContext memory;
    /* If they are those of a statement: */
    const QueryDesc *query;
    bool has_stored; /* also those of stream tables that the statement reads as stored */
    Choices *next;
};

namespace {

Choices *of_transaction = nullptr; /* in its memory */
uint32_t chosen_in = 0;            /* the local transaction id */

Choices *of_statements = nullptr; /* of those in READ COMMITTED that read, or whose functions have read */

Choices *known_of_transaction()
{
    return chosen_in == own_local_xid() ? of_transaction : nullptr;
}

Choices *choices_of_transaction()
{
    if (known_of_transaction() == nullptr) {
        of_transaction = static_cast<Choices *>(MemoryContextAllocZero(TopTransactionContext, sizeof(Choices)));
        of_transaction->memory = TopTransactionContext;
        chosen_in = own_local_xid();
    }
    return of_transaction;
}

/* A callback of the memory of a statement. */
void forget_statement(void *ended)
{
    Choices **link = &of_statements;
    while (*link != ended)
        link = &(*link)->next;
    *link = (*link)->next;
}

Choices *choices_of_statement(const QueryDesc *query)
{
    for (Choices *each = of_statements; each != nullptr; each = each->next)
        if (each->query == query)
            return each;
    const MemoryContext memory = query->estate->es_query_cxt;
    auto *made = static_cast<Choices *>(MemoryContextAllocZero(memory, sizeof(Choices)));
    auto *forget = static_cast<MemoryContextCallback *>(MemoryContextAllocZero(memory, sizeof(MemoryContextCallback)));
    *forget = {forget_statement, made, nullptr};
    *made = {NIL, memory, query, false, of_statements};
    MemoryContextRegisterResetCallback(memory, forget);
    of_statements = made;
    return made;
}

void add_stored(Choices *choices)
{
    int count = 0;
    const Oid *relids = choices->has_stored ? nullptr : stream_tables_of(choices->query->plannedstmt, &count);
    for (int i = 0; i < count; i++)
        if (choice_for(choices, relids[i]) == nullptr)
            add_choice(choices, make_choice(relids[i], false, false, true));
    choices->has_stored = true;
}

bool is_of_these_settings(const Choice *choice)
{
    return choice->staleness_ms == guc::max_staleness_ms && choice->is_consistent == guc::has_consistent_reads;
}

template <typename Function> void for_all_choices(Function function)
{
    if (Choices *known = known_of_transaction())
        function(known);
    for (Choices *each = of_statements; each != nullptr; each = each->next)
        function(each);
}

} // namespace

Choices *choices_for_statement(const QueryDesc *query)
{
    if (IsolationUsesXactSnapshot())
        return choices_of_transaction();
    const QueryDesc *caller = outermost_running_under(query->snapshot);
    if (caller == nullptr)
        return nullptr;
    Choices *choices = choices_of_statement(caller);
    add_stored(choices);
    return choices;
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
        if (before->is_for_others && list_member_oid(set, before->relid) && is_of_these_settings(before) &&
            (found == nullptr || before->is_exact))
            found = before;
    }
    return found;
}

Choice *make_choice(Oid relid, bool is_exact, bool is_stale, bool is_for_others)
{
    auto *choice = static_cast<Choice *>(palloc(sizeof(Choice)));
    *choice = {.relid = relid,
               .is_exact = is_exact,
               .is_stale = is_stale,
               .is_for_others = is_for_others,
               .staleness_ms = guc::max_staleness_ms,
               .is_consistent = guc::has_consistent_reads,
               .nest_level = GetCurrentTransactionNestLevel()};
    return choice;
}

void add_choice(Choices *choices, const Choice *choice)
{
    MemoryContext previous = MemoryContextSwitchTo(choices->memory);
    auto *copy = static_cast<Choice *>(palloc(sizeof(Choice)));
    *copy = *choice;
    choices->list = lappend(choices->list, copy);
    MemoryContextSwitchTo(previous);
}

void keep_choices(const QueryDesc *query, const List *made)
{
    Choices *choices = choices_of_statement(query);
    ListCell *cell;
    foreach (cell, made)
        add_choice(choices, static_cast<const Choice *>(lfirst(cell)));
}

void confirm_choices()
{
    for_all_choices([](const Choices *choices) {
        ListCell *cell;
        foreach (cell, choices->list)
            static_cast<Choice *>(lfirst(cell))->nest_level = 0;
    });
}

void forget_unconfirmed_choices(SubXactEvent event, SubTransactionId, SubTransactionId)
{
    if (event != SUBXACT_EVENT_ABORT_SUB)
        return;
    for_all_choices([](Choices *choices) {
        ListCell *cell;
        foreach (cell, choices->list)
            if (static_cast<const Choice *>(lfirst(cell))->nest_level >= GetCurrentTransactionNestLevel())
                choices->list = foreach_delete_current(choices->list, cell);
    });
}

} // namespace pgtrickle
