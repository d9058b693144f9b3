/*
 * Rows computed by the old meaning must not stand beside those computed by the new one: whoever uses the
 * object starts from nothing at the next refresh. A view may also read other tables than
 * before: its users are defined anew.
 */
#include "fdw/redefinition.hpp"

#include "definition/definition.hpp"
#include "definition/options.hpp"
#include "definition/state.hpp"
#include "definition/view.hpp"
#include "fdw/alter.hpp"
#include "mailbox/mailbox.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "nodes/makefuncs.h"
#include "parser/parse_type.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle {

namespace {

void mark_users(Oid class_id, Oid object_id, const char *reason)
{
    ListCell *cell;
    foreach (cell, definition::users_of(class_id, object_id, 0, false)) {
        state::mark_needs_reinit(lfirst_oid(cell), reason);
        mailbox::note_change(lfirst_oid(cell));
    }
}

/* Every function of the name that a CREATE OR REPLACE may mean; parameters that are only
 * output, or variadic, make looking for the exact one more trouble than a needless reinitialisation. */
List *functions_named(List *name)
{
    List *functions = NIL;
    FuncCandidateList candidates = FuncnameGetCandidates(name, -1, NIL, false, false, false, true);
    for (; candidates != nullptr; candidates = candidates->next)
        functions = lappend_oid(functions, candidates->oid);
    return functions;
}

void run_and_mark_functions(const UtilityCall &utility, List *name)
{
    List *functions = functions_named(name);
    utility.run();
    CommandCounterIncrement();
    ListCell *cell;
    foreach (cell, functions)
        mark_users(ProcedureRelationId, lfirst_oid(cell), "a function that it uses was replaced");
}

std::vector<Oid> users_of_view(Oid view)
{
    List *users = call([=] { return definition::users_of(RelationRelationId, view, 0, false); });
    std::vector<Oid> found;
    ListCell *cell;
    foreach (cell, users)
        found.push_back(lfirst_oid(cell));
    return found;
}

} // namespace

void replace_function(const UtilityCall &utility)
{
    call([&] {
        ::Node *statement = utility.statement();
        if (IsA(statement, CreateFunctionStmt))
            run_and_mark_functions(utility, reinterpret_cast<CreateFunctionStmt *>(statement)->funcname);
        else
            run_and_mark_functions(utility, reinterpret_cast<AlterFunctionStmt *>(statement)->func->objname);
    });
}

void replace_view(const UtilityCall &utility)
{
    auto *statement = reinterpret_cast<ViewStmt *>(utility.statement());
    Oid view = call([=] { return RangeVarGetRelid(statement->view, NoLock, true); });
    std::vector<Oid> users = OidIsValid(view) ? users_of_view(view) : std::vector<Oid>();
    call([&] {
        utility.run();
        CommandCounterIncrement();
    });
    for (Oid relid : users)
        if (call([=] { return definition::lock_if_there(relid, AccessExclusiveLock); }))
            redefine(relid, call([=] { return definition::query_of(relid); }), {}, definition::load(relid).mode);
    if (!users.empty())
        mailbox::note_definition_change();
}

void alter_enumeration(const UtilityCall &utility)
{
    call([&] {
        auto *statement = reinterpret_cast<AlterEnumStmt *>(utility.statement());
        Oid type = LookupTypeNameOid(nullptr, makeTypeNameFromNameList(statement->typeName), true);
        utility.run();
        CommandCounterIncrement();
        if (!OidIsValid(type))
            return;
        mark_users(TypeRelationId, type, "an enumeration that it uses was altered");
    });
}

void alter_policy(const UtilityCall &utility)
{
    call([&] {
        ::Node *statement = utility.statement();
        RangeVar *table = IsA(statement, CreatePolicyStmt) ? reinterpret_cast<CreatePolicyStmt *>(statement)->table
                                                           : reinterpret_cast<AlterPolicyStmt *>(statement)->table;
        Oid relid = RangeVarGetRelid(table, NoLock, true);
        utility.run();
        CommandCounterIncrement();
        if (OidIsValid(relid))
            mark_users(RelationRelationId, relid, "a policy of a source was created or altered");
    });
}

} // namespace pgtrickle
