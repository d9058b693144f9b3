/*
 * Alerts: NOTIFY pg_trickle_alert, delivered when the transaction commits. A writer's transaction sends none,
 * because a commit fails if NOTIFY's queue is full, and a writer must be able to commit in any case.
 *
 * Any role that can connect to the database can listen. A payload contains only what catalogs that every role
 * can read contain: names of relations, counts, sizes, an SQLSTATE, and sentences of pg_trickle; no text of
 * an error, of a query or of a user.
 */
#pragma once

#include "scheduler/alert.hpp"

namespace pgtrickle::definition {

/* Returns an alert about a stream table. C++ frame. */
scheduler::Alert alert_of(const char *event, const std::string &schema_name, const std::string &name);

/* Sends the text of an alert. If the queue has hardly any room, returns false and raises a WARNING that
 * contains the text. C++ frame. */
bool send_alert(const std::string &text);

} // namespace pgtrickle::definition
