/*
 * Publications FOR ALL TABLES contain what lies beneath stream tables: storage, change logs, state. PostgreSQL has no
 * way to leave it out, and a subscriber, who cannot have it, stops at its first change; so whoever brings the two together
 * is warned. PostgreSQL frames.
 */
#pragma once

#include "fdw/ddl/utility_call.hpp"

namespace pgtrickle {

bool is_publishing_all_tables(const CreatePublicationStmt *statement);

/* Runs the statement, and warns of the publication that it makes. C++ frame. */
void create_publication(const UtilityCall &utility);

/* Of those that are there when a stream table is created. */
void warn_of_publications();

} // namespace pgtrickle
