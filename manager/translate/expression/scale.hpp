/*
 * The scale of numeric expressions.
 *
 * The image of a sum has the largest scale of its values. Where all values of an expression have one scale, a
 * removed value cannot change that of the sum, and two equal values have the same image.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/primnodes.h"
}

namespace pgtrickle::translate {

/* Returns the scale that a type modifier of numeric declares; 0 for a negative one, whose values are shown without
 * fractional digits. */
int declared_scale(int32 typmod);

/* Returns the scale that all finite values of a numeric expression have, as derived from declared scales,
 * constants and operators: 4 for a * (1 - b) over two numeric(15,2). -1 if there may be several. The rules are
 * those of PostgreSQL's numeric.c: sums and differences have the larger scale, products the sum of both.
 * PostgreSQL frame. */
int common_scale(Node *node);

} // namespace pgtrickle::translate
