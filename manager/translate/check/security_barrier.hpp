/*
 * Views with security_barrier.
 *
 * The barrier keeps a function of a query from seeing rows that the view leaves out: the view's conditions
 * are evaluated first. A program has no such order: conditions of query and view meet in one WHERE, and a
 * delta has rows that the view never showed. Nobody who reads the stream table sees any of that, for he
 * reads stored rows; but the functions of the defining query see it, and those are the owner's choice. So it is
 * safe exactly where the owner of the stream table may read everything below the view by himself: then
 * nothing is kept from him. He counts as a reader of it from then on, whose privileges are checked
 * at each refresh.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle::translate {

/* Refuses the view, whose query is given, unless `owner` may read all that it reads. C++ frame. */
void refuse_barrier(Query *view, Oid owner);

} // namespace pgtrickle::translate
