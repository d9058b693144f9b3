/*
 * Alerts: NOTIFY pg_trickle_alert, in effect when the transaction commits. Never from a writer's transaction. It commits
 * whether or not anybody can be told: where NOTIFY's queue is full, a commit would fail.
 */
#pragma once

#include "scheduler/alert.hpp"

namespace pgtrickle::definition {

/* An alert about a stream table. C++ frame. */
scheduler::Alert alert_of(const char *event, const std::string &schema_name, const std::string &name);

/* Sends the text of one; false, with a WARNING that has the text, where the queue has hardly any room. C++ frame. */
bool send_alert(const std::string &text);

} // namespace pgtrickle::definition
