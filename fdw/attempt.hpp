/*
 * An attempt: to go on after a PostgreSQL error, what raised it is run in a subtransaction.
 */
#pragma once

#include "pg/boundary.hpp"

#include <optional>

extern "C" {
#include "utils/resowner.h"
}

namespace pgtrickle {

struct Failure {
    int sqlstate;
    std::string message;
    std::string detail; /* empty if there is none, as the hint */
    std::string hint;
};

/* Runs `act`, a C++ frame; what it did is undone if it fails, and how it failed is returned. */
template <class Act> std::optional<Failure> attempt(Act act)
{
    MemoryContext context = CurrentMemoryContext;
    ResourceOwner owner = CurrentResourceOwner;
    auto go_back = [&] {
        MemoryContextSwitchTo(context);
        CurrentResourceOwner = owner;
    };
    call([=] {
        BeginInternalSubTransaction(nullptr);
        MemoryContextSwitchTo(context);
    });
    try {
        act();
    } catch (const PgError &error) {
        /* The error's data goes with the subtransaction. */
        auto text = [](const char *field) { return std::string(field == nullptr ? "" : field); };
        Failure failure = {error.data->sqlerrcode, text(error.data->message), text(error.data->detail),
                           text(error.data->hint)};
        call([] { RollbackAndReleaseCurrentSubTransaction(); });
        go_back();
        return failure;
    }
    call([] { ReleaseCurrentSubTransaction(); });
    go_back();
    return std::nullopt;
}

} // namespace pgtrickle
