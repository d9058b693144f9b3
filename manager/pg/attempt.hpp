/*
 * To go on after a PostgreSQL error, what raised it is run in a subtransaction, and undone with it.
 *
 * However a C++ frame leaves it, the subtransaction has ended: a caller further up, such as a block of PL/pgSQL
 * that catches the error, ends its own and no other.
 */
#pragma once

#include "pg/boundary.hpp"

#include <optional>

extern "C" {
#include "utils/resowner.h"
}

namespace pgtrickle {

/* Runs `act`, a C++ frame, in a subtransaction. If it throws, what it did is undone, and the exception goes on. */
template <class Act> void in_subtransaction(Act act)
{
    MemoryContext context = CurrentMemoryContext;
    ResourceOwner owner = CurrentResourceOwner;
    auto go_back = [&] {
        MemoryContextSwitchTo(context);
        CurrentResourceOwner = owner;
    };
    call([=] {
        /* It may not begin while the invalidations of an earlier change are still to be heard of. */
        CommandCounterIncrement();
        BeginInternalSubTransaction(nullptr);
        MemoryContextSwitchTo(context);
    });
    try {
        act();
    } catch (...) {
        call([] { RollbackAndReleaseCurrentSubTransaction(); });
        go_back();
        throw;
    }
    call([] { ReleaseCurrentSubTransaction(); });
    go_back();
}

struct Failure {
    int sqlstate;
    std::string message;
    std::string detail; /* empty if there is none, as the hint */
    std::string hint;
};

/* in_subtransaction(), and how it failed, if it did. */
template <class Act> std::optional<Failure> attempt(Act act)
{
    try {
        in_subtransaction(act);
    } catch (const PgError &error) {
        auto text = [](const char *field) { return std::string(field == nullptr ? "" : field); };
        return Failure{error.data->sqlerrcode, text(error.data->message), text(error.data->detail),
                         text(error.data->hint)};
    }
    return std::nullopt;
}

} // namespace pgtrickle
