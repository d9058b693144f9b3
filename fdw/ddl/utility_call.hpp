/*
 * Utility statements that are executed in PostgreSQL's place because definitions of stream tables depend on
 * them.
 */
#pragma once

#include "pg/boundary.hpp"
#include "pg/hooks.hpp"

namespace pgtrickle {

/* Executes a statement. It may change `planned`, which is a copy. C++ frame. */
using StatementHandler = void (*)(const UtilityCall &call);

/* Runs `statement` as a part of another statement, through every hook, including the extension's own.
 * PostgreSQL frame. */
void run_statement(::Node *statement, const char *text);

} // namespace pgtrickle
