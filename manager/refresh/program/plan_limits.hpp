/*
 * How many changed rows a statement has to read to be planned for their number, once, and not to be run by its kept
 * plan: planning takes milliseconds, and a kept plan looks up each row by an index.
 *
 * Statements for many rows are written in other ways, too. With PGTRICKLE_PLANS_FOR_MANY, as tests/soak/plans_for_many
 * compiles it, no number is too small and no index is found, so that the tests of small tables run these statements.
 */
#pragma once

#include <cstdint>

namespace pgtrickle::refresh {

#ifdef PGTRICKLE_PLANS_FOR_MANY
constexpr bool plans_for_many = true;
#else
constexpr bool plans_for_many = false;
#endif

constexpr int64_t few_rows = plans_for_many ? 0 : 5000;
/* So few keys are looked up in less time than planning takes. */
constexpr int64_t few_touched = plans_for_many ? 0 : 100;
/* Without an index: rows that each read a source, and rows that they read together. */
constexpr int64_t few_scans = plans_for_many ? 0 : 5;
constexpr double many_scanned = plans_for_many ? -1 : 1'000'000;

} // namespace pgtrickle::refresh
