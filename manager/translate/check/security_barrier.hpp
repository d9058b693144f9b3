/*
 * Views with security_barrier.
 *
 * The barrier keeps a function of a query from seeing rows that the view excludes: the view's conditions are
 * evaluated first. A program does not evaluate conditions in such an order: those of query and view are in
 * one WHERE, and a delta contains rows that the view never showed. Sessions that read the stream table see
 * none of these rows, as they read stored rows; but the functions of the defining query see them, and the
 * owner chooses those functions. Maintenance by deltas is therefore safe exactly if the owner of the stream
 * table may itself read all relations that the view reads. The owner is then recorded as one of the roles
 * that read these relations, and its privileges are checked at each refresh.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle::translate {

/* Refuses the view whose query is given, unless `owner` may read all relations that the query reads.
 * C++ frame. */
void refuse_barrier(Query *view, Oid owner);

} // namespace pgtrickle::translate
