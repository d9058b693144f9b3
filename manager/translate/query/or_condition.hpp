/*
 * What a condition of alternatives says of one input of a join.
 *
 *   (n1 = 'FRANCE' AND n2 = 'GERMANY') OR (n1 = 'GERMANY' AND n2 = 'FRANCE')
 *
 * is true only for rows of n1 that are FRANCE or GERMANY. PostgreSQL's planner finds this where it scans n1; the
 * translator finds it, too, so that the input is filtered for itself: a filter decides the order of joins, and which
 * changes are taken from the log.
 */
#pragma once

#include "translate/level/level.hpp"

namespace pgtrickle::translate {

/* Returns a condition over `side` alone that is true where `conjunct` is true; null if `conjunct` is no OR each of
 * whose alternatives has a part that reads `side` alone and cannot fail. */
Node *implied_on(const Relids &side, Node *conjunct);

} // namespace pgtrickle::translate
