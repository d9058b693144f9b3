/*
 * Utility statements that definitions of stream tables carry out in PostgreSQL's place.
 */
#pragma once

#include "pg/boundary.hpp"
#include "pg/hooks.hpp"

namespace pgtrickle {

/* Carries out a statement, of which it changes `planned` as it likes: it is a copy. C++ frame. */
using StatementHandler = void (*)(const UtilityCall &call);

/* Runs `statement` as a part of another, through every hook, ours included. PostgreSQL frame. */
void run_statement(::Node *statement, const char *text);

} // namespace pgtrickle
