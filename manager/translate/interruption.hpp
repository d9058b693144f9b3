/*
 * Interrupts and the depth of the stack, which the engine checks at each step of each walk of a plan without knowing
 * PostgreSQL.
 */
#pragma once

namespace pgtrickle::translate {

/* Called when the library is loaded. */
void let_engine_be_interrupted();

} // namespace pgtrickle::translate
