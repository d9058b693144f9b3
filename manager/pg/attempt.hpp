/*
 * Subtransactions for work that may raise an error which the caller handles.
 *
 * PostgreSQL's state is consistent after an error only once a (sub)transaction has been aborted. A caller
 * that continues after an error runs the work in a subtransaction, which is rolled back.
 *
 * The subtransaction has ended when a C++ frame leaves it, by whatever path: a caller further up, such as a
 * block of PL/pgSQL that catches the error, ends its own subtransaction and no other.
 */
#pragma once

#include "pg/boundary.hpp"

#include <optional>

extern "C" {
#include "utils/resowner.h"
}

namespace pgtrickle {

/* Runs `act`, a C++ frame, in a subtransaction. If `act` throws, rolls the subtransaction back and rethrows
 * the exception. */
template <class Act> void in_subtransaction(Act act)
{
    MemoryContext context = CurrentMemoryContext;
    ResourceOwner owner = CurrentResourceOwner;
    auto go_back = [&] {
        MemoryContextSwitchTo(context);
        CurrentResourceOwner = owner;
    };
    call([=] {
        /* A subtransaction must not begin while invalidations of an earlier change are pending in this
         * command. */
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

/* Runs `act`, a C++ frame that changes nothing, in a subtransaction that is rolled back: the transaction does not keep
 * what `act` has locked. If `act` throws, rethrows the exception. */
template <class Act> void without_keeping_locks(Act act)
{
    struct Done {};
    try {
        in_subtransaction([&] {
            act();
            throw Done();
        });
    } catch (const Done &) { /* NOLINT(bugprone-empty-catch) */
    }
}

/* Whether PostgreSQL has raised the error for a cancel of the statement or the end of the session. Code of a user may
 * raise one with the same SQLSTATE, and PostgreSQL raises that of lock_timeout at the same place. */
inline bool is_interrupt(const PgError &error)
{
    return ERRCODE_TO_CATEGORY(error.data->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION &&
           error.data->funcname != nullptr && strcmp(error.data->funcname, "ProcessInterrupts") == 0;
}

struct Failure {
    int sqlstate;
    std::string message;
    std::string detail; /* empty if there is none; likewise `hint` */
    std::string hint;
};

/* Runs `act` by in_subtransaction(). Returns how it failed, or nothing if it succeeded. A cancel of the statement, or
 * the end of the session, is no failure of `act`: it is rethrown. */
template <class Act> std::optional<Failure> attempt(Act act)
{
    try {
        in_subtransaction(act);
    } catch (const PgError &error) {
        if (is_interrupt(error))
            throw;
        auto text = [](const char *field) { return std::string(field == nullptr ? "" : field); };
        return Failure{error.data->sqlerrcode, text(error.data->message), text(error.data->detail),
                       text(error.data->hint)};
    }
    return std::nullopt;
}

} // namespace pgtrickle
