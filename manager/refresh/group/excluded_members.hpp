/*
 * Members that stay as they are when others are refreshed: suspended ones, held ones, and those that would read
 * one that has no rows yet.
 *
 * Dependents of one of them go on from its rows as they are. But an atomic set is refreshed as a whole or not at all: with
 * one of its members all stay, and with these those that read any of them, as in the manager. Only a stream table that was
 * named, and has no rows yet, is filled all the same: no reader has seen a state of it.
 * C++ frames; they throw PgError.
 */
#pragma once

#include "refresh/group/group.hpp"
#include "refresh/group/holds.hpp"

namespace pgtrickle::refresh {

/* Removes suspended members and those that must be refreshed with them. An owner's request that names one of the latter is an
 * error, 55000, while a suspended one that it names is refreshed; in other requests they are in group.unrefreshed. */
void exclude_suspended(Group &group, const RefreshRequest &request);

/* Removes likewise those that are held, and those that would read one without rows: it would look empty. Under the
 * active snapshot, which sees nothing of what a gate that it does not see is closed for. */
void leave_out_held(Group &group, const RefreshRequest &request);

/* Why a stream table that is not held is not refreshed all the same: it is suspended, or it reads, or is in an atomic set
 * with, one that is not refreshed. Empty: it is refreshed. */
Explanation explain_inactive(Oid relid);

} // namespace pgtrickle::refresh
