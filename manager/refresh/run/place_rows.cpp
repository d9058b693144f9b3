#include "refresh/run/place_rows.hpp"

#include "refresh/program/scope.hpp"
#include "storage/apply/placement.hpp"

extern "C" {
#include "access/xact.h"
}

namespace pgtrickle::refresh {

void place_rows(Compiled &compiled)
{
    CompiledStep &step = compiled.steps.back();
    if (!step.may_have_rows_to_place || call([] { return IsTransactionBlock(); }))
        return;
    Scope scope(compiled.definition);
    step.may_have_rows_to_place = !call([&] {
        CommandCounterIncrement();
        storage::Arrangement *arrangement = storage::open_arrangement(step.heap, step.facts);
        const bool is_done = storage::place_rows(arrangement);
        storage::close_arrangement(arrangement);
        return is_done;
    });
}

} // namespace pgtrickle::refresh
