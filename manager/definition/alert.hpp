/*
 * Alerts: NOTIFY pg_trickle_alert, in effect when the transaction commits. Never from a writer's transaction. It commits
 * whether or not anybody can be told: where NOTIFY's queue is full, a commit would fail.
 *
 * Any role that can connect to the database can listen. A payload has nothing in it that is not in catalogs that every role
 * reads: names of relations, counts, sizes, an SQLSTATE, and sentences of ours; no text of an error, of a query or of a user.
 */
#pragma once

#include "scheduler/alert.hpp"

namespace pgtrickle::definition {

/* An alert about a stream table. C++ frame. */
scheduler::Alert alert_of(const char *event, const std::string &schema_name, const std::string &name);

/* Sends the text of one; false, with a WARNING that has the text, where the queue has hardly any room. C++ frame. */
bool send_alert(const std::string &text);

} // namespace pgtrickle::definition
