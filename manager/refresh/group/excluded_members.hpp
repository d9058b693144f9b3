/*
 * Who stays as it is when others are refreshed: suspended ones, those that somebody holds back, and those that would read
 * one that has no rows yet.
 *
 * Whoever reads one of them goes on from its rows as they are. But an atomic diamond goes as a whole or not at all: with
 * one of its members all stay, and with these those that read any of them, as in the manager. Only who was named, and has
 * no rows yet, is filled all the same: nobody has seen a state of it.
 * C++ frames; they throw PgError.
 */
#pragma once

#include "refresh/group/group.hpp"
#include "refresh/group/holds.hpp"

namespace pgtrickle::refresh {

/* Takes those out that are suspended, and whom they keep. An owner who has named one of these gets an error, 55000, but
 * the one that he has named himself goes; of others it is told in group.unrefreshed. */
void leave_out_suspended(Group &group, const RefreshRequest &request);

/* The same of those that are held, and of those that would read one without rows: it would look empty. Under the
 * active snapshot, which sees nothing of what a gate that it does not see is closed for. */
void leave_out_held(Group &group, const RefreshRequest &request);

/* Why a stream table on which there is no hold by now rests all the same: it is suspended, or it reads or is bound to one that rests.
 * Empty: it does not. */
Explanation explain_inactive(Oid relid);

} // namespace pgtrickle::refresh
