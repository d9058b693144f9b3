/*
 * Publications FOR ALL TABLES include the relations behind stream tables: storage, change logs, state.
 * PostgreSQL has no way to exclude them, and a subscriber, which cannot have them, stops at their first
 * change. So a statement that brings the two together raises a WARNING. PostgreSQL frames.
 */
#pragma once

#include "fdw/ddl/user_statement.hpp"

namespace pgtrickle {

bool is_publishing_all_tables(const CreatePublicationStmt *statement);

/* Runs the statement, and warns about the publication that it creates. C++ frame. */
void create_publication(const UserStatement &utility);

/* Warns about existing publications when a stream table is created. */
void warn_of_publications();

} // namespace pgtrickle
