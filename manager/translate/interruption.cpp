#include "translate/interruption.hpp"

#include "engine/operators/operator.hpp"
#include "pg/boundary.hpp"

extern "C" {
#include "miscadmin.h"
}

namespace pgtrickle::translate {

namespace {

/* The frames of the engine own objects: the error becomes an exception. */
void check_for_interrupts()
{
    if (InterruptPending || stack_is_too_deep())
        call([] {
            check_stack_depth();
            CHECK_FOR_INTERRUPTS();
        });
}

} // namespace

void let_engine_be_interrupted()
{
    engine::interruption_point = check_for_interrupts;
}

} // namespace pgtrickle::translate
