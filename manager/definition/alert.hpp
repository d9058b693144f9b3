/*
 * Alerts: NOTIFY pg_trickle_alert, in effect when the transaction commits. Never from a writer's transaction.
 */
#pragma once

#include "scheduler/alert.hpp"

namespace pgtrickle::definition {

/* An alert about a stream table. C++ frame. */
scheduler::Alert alert_of(const char *event, const std::string &schema_name, const std::string &name);

/* Sends the text of one. C++ frame. */
void send_alert(const std::string &text);

} // namespace pgtrickle::definition
