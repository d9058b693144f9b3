/*
 * One utility statement on its way through our ProcessUtility hook.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "tcop/utility.h"
}

namespace pgtrickle {

struct UtilityCall {
    PlannedStmt *planned; /* ours to change: the hook copies the statement it was given */
    const char *text;     /* of the client's statement */
    ProcessUtilityContext context;
    ParamListInfo params;
    QueryEnvironment *environment;
    DestReceiver *receiver;
    QueryCompletion *completion;

    ::Node *statement() const { return planned->utilityStmt; }
    /* Runs the statement as it would be without us. PostgreSQL frame. */
    void run() const;
};

/* Runs `statement` as a part of another, through every hook, ours included. PostgreSQL frame. */
void run_statement(::Node *statement, const char *text);

/* Installs the hooks of definitions; called once, by _PG_init. */
void register_ddl();

} // namespace pgtrickle
