#include "fdw/definition/imported_queries.hpp"

#include "pg/known_objects.hpp"
#include "pg/versions/processes.hpp"

extern "C" {
#include "utils/memutils.h"
}

namespace pgtrickle {

namespace {

/* The objects of the query of a materialized view, for the statement that creates its stream table. */
struct Meant {
    const char *name;
    const char *text;
    KnownObjects objects;
};

/* Those that this transaction imports, in its memory. */
struct Imported {
    LocalTransactionId by;
    List *meant;
};

Imported &imported()
{
    static Imported of_transaction = {InvalidLocalTransactionId, NIL};
    return of_transaction;
}

} // namespace

void keep_what_is_meant(const char *name, const char *text, const Query *query)
{
    MemoryContext previous = MemoryContextSwitchTo(TopTransactionContext);
    if (imported().by != own_local_xid())
        imported() = {own_local_xid(), NIL};
    auto *meant = static_cast<Meant *>(palloc(sizeof(Meant)));
    *meant = {pstrdup(name), pstrdup(text), known_objects_of(query)};
    imported().meant = lappend(imported().meant, meant);
    MemoryContextSwitchTo(previous);
}

void require_meant(const char *name, const char *text, Query *found)
{
    const ListCell *cell;
    foreach (cell, imported().by == own_local_xid() ? imported().meant : NIL) {
        const auto *meant = static_cast<const Meant *>(lfirst(cell));
        if (strcmp(meant->name, name) == 0 && strcmp(meant->text, text) == 0 &&
            !has_only_known(reinterpret_cast<::Node *>(found), meant->objects))
            ereport(ERROR,
                    (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("cannot import materialized view \"%s\"", name),
                     errdetail("The text of its query would call functions or operators that it does not call."),
                     errhint("Create the stream table with a query that names what it is to call.")));
    }
}

} // namespace pgtrickle
