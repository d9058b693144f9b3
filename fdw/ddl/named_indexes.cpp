#include "fdw/ddl/named_indexes.hpp"

#include "definition/definition.hpp"
#include "definition/definition_view.hpp"
#include "definition/indirect_users.hpp"
#include "fdw/definition/query_text.hpp"
#include "mailbox/mailbox.hpp"

extern "C" {
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle {

namespace {

/* Returns the indexes that get the names of constraints. PostgreSQL frame. */
List *indexes_of_constraints(const AlterTableStmt *statement)
{
    List *indexes = NIL;
    ListCell *cell;
    foreach (cell, statement->cmds) {
        ::Node *made = lfirst_node(AlterTableCmd, cell)->def;
        const char *name = made != nullptr && IsA(made, Constraint) ? castNode(Constraint, made)->indexname : nullptr;
        const Oid relid = name != nullptr ? RangeVarGetRelid(statement->relation, NoLock, true) : InvalidOid;
        const Oid index = OidIsValid(relid) ? get_relname_relid(name, get_rel_namespace(relid)) : InvalidOid;
        if (OidIsValid(index))
            indexes = lappend_oid(indexes, index);
    }
    return indexes;
}

/* Returns the stream tables whose query uses one of the objects: in its own text, if `by_text`. PostgreSQL frame. */
List *users_of_all(List *indexes, bool by_text)
{
    List *users = NIL;
    ListCell *cell;
    foreach (cell, indexes)
        users = list_concat_unique_oid(users, definition::users_of(RelationRelationId, lfirst_oid(cell), 0, by_text));
    return users;
}

} // namespace

bool is_naming_index(const AlterTableStmt *statement)
{
    return indexes_of_constraints(statement) != NIL;
}

void name_indexes(const UserStatement &utility, StatementHandler carry_out)
{
    List *indexes =
        call([&] { return indexes_of_constraints(reinterpret_cast<AlterTableStmt *>(utility.statement())); });
    if (carry_out != nullptr)
        carry_out(utility);
    else
        call([&] { utility.run(); });
    call([=] {
        CommandCounterIncrement();
        follow_names(users_of_all(indexes, true), users_of_all(indexes, false));
    });
    mailbox::note_definition_change();
}

} // namespace pgtrickle
